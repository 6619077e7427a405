//! The test and the function it calls.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Error, ReturnType};

use crate::args::Args;
use crate::item::{Item, ShouldPanic};

/// Expands the attribute. Whatever is wrong, the function is still emitted, so that an editor goes
/// on to know it.
pub(crate) fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    let (args, mut faults) = Args::parse(args);
    let item = match syn::parse2::<Item>(item.clone()) {
        Ok(parsed) => parsed,
        Err(error) => {
            faults.push(error);
            let errors = faults.iter().map(Error::to_compile_error);
            return quote!(#(#errors)* #item);
        }
    };
    let item_faults = item.faults();
    let expanded = match item_faults.is_empty() {
        true => expand(&args, &item),
        false => item.to_token_stream(),
    };
    faults.extend(item_faults);
    let errors = faults.iter().map(Error::to_compile_error);
    quote!(#(#errors)* #expanded)
}

/// Two functions: the test, and beside it the one that makes the arguments and runs the body. They
/// are two because rustc drops the former, with all that is wrong in it, when it builds no tests.
fn expand(args: &Args, item: &Item) -> TokenStream {
    let krate = match &args.krate {
        Some(path) => path.to_token_stream(),
        None => quote!(::kipod),
    };
    let private = quote!(#krate::__private);
    let Item { visibility, signature, body, .. } = item;
    let name = &signature.ident;
    let bound = format_ident!("__kipod_{}", name.unraw());
    // In the place of what is returned: what cannot be is told there.
    let output = match &signature.output {
        ReturnType::Default => quote!(#private::Body<()>),
        ReturnType::Type(_, ty) => quote_spanned!(ty.span()=> #private::Body<#ty>),
    };
    let variables: Vec<_> =
        (0..item.arguments().count()).map(|at| format_ident!("argument_{at}")).collect();
    // One name for the parameter and its uses, also where the type comes out of another macro.
    let context = format_ident!("__kipod_context");
    let bindings = item.arguments().zip(&variables).map(|(argument, variable)| {
        let ty = &argument.ty;
        let written = format!(
            "{}: {}",
            argument.pat.to_token_stream(),
            ty.to_token_stream().to_string().replace(" :: ", "::")
        );
        quote_spanned! {ty.span()=>
            let #variable = #private::argument::<#ty>(&#context, #written).await?;
        }
    });
    let site = site(args, item, &private);
    // rustc wants `()` of a test that should panic; one that returns has failed as it is.
    let (outer, end) = match item.should_panic() {
        ShouldPanic::No => (quote!(-> ::std::process::ExitCode), None),
        ShouldPanic::Yes { .. } => (quote!(), Some(quote!(;))),
    };
    let test_attributes = item.test_attributes();
    let body_attributes = item.body_attributes();
    quote! {
        #(#test_attributes)*
        #[::core::prelude::v1::test]
        #visibility fn #name() #outer {
            #private::run(#site, #bound) #end
        }

        #(#body_attributes)*
        #[doc(hidden)]
        #[allow(dead_code)]
        fn #bound(#context: #private::TestContext) -> #output {
            #signature #body
            #private::Body::new(async move {
                #(#bindings)*
                #private::Ok(#name(#(#variables),*).await)
            })
        }
    }
}

/// The site as data: only what was written; what was not is the runtime's default.
fn site(args: &Args, item: &Item, private: &TokenStream) -> TokenStream {
    let name = item.signature.ident.to_string();
    let some = |value: &dyn ToTokens| quote!(#private::Some(#value));
    let mut fields: Vec<TokenStream> = Vec::new();
    if let Some(cluster) = &args.cluster {
        let cluster = some(cluster);
        fields.push(quote!(cluster: #cluster));
    }
    if let Some(version) = &args.version {
        let version = some(version);
        fields.push(quote!(version: #version));
    }
    let counts = [("workers", &args.workers), ("control_planes", &args.control_planes)];
    for (field, count) in counts {
        if let Some(count) = count {
            let (field, count) = (format_ident!("{field}"), some(count));
            fields.push(quote!(#field: #count));
        }
    }
    if let Some(config) = &args.config {
        let config = some(config);
        fields.push(quote!(config: #config));
    }
    if args.exclusive {
        fields.push(quote!(exclusive: true));
    }
    if let Some(namespace) = args.namespace {
        fields.push(quote!(namespace: #namespace));
    }
    let lists =
        [("manifests", &args.manifests), ("fixtures", &args.fixtures), ("images", &args.images)];
    for (field, texts) in lists {
        if !texts.is_empty() {
            let field = format_ident!("{field}");
            fields.push(quote!(#field: &[#(#texts),*]));
        }
    }
    if let Some(timeout) = args.timeout_ms {
        let timeout = some(&quote!(::core::time::Duration::from_millis(#timeout)));
        fields.push(quote!(timeout: #timeout));
    }
    if let Some(keep) = &args.keep {
        let variant = match keep.value().as_str() {
            "never" => quote!(Never),
            "always" => quote!(Always),
            _ => quote!(OnFailure),
        };
        let keep = some(&quote!(#private::Keep::#variant));
        fields.push(quote!(keep: #keep));
    }
    if args.flavor.as_ref().is_some_and(|flavor| flavor.value() == "multi_thread") {
        let threads = match &args.worker_threads {
            Some(threads) => some(threads),
            None => quote!(#private::None),
        };
        fields.push(quote!(flavor: #private::Flavor::MultiThread { worker_threads: #threads }));
    }
    if args.start_paused {
        fields.push(quote!(start_paused: true));
    }
    if let ShouldPanic::Yes { expected } = item.should_panic() {
        let expected = match &expected {
            Some(expected) => some(expected),
            None => quote!(#private::None),
        };
        let panic = some(&quote!(#private::ShouldPanic { expected: #expected }));
        fields.push(quote!(should_panic: #panic));
    }
    quote! {
        #private::TestSite {
            #(#fields,)*
            ..#private::TestSite::new(
                ::core::concat!(::core::module_path!(), "::", #name),
                ::core::env!("CARGO_MANIFEST_DIR"),
                ::core::file!(),
                ::core::line!(),
            )
        }
    }
}
