//! Expansion of the attribute.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Error, ReturnType};

use crate::args::Args;
use crate::function::{ShouldPanic, TestFunction};

/// Expands the attribute. The function is emitted even if there are errors, so that editors still
/// analyze it.
pub(crate) fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    let (args, mut errors) = Args::parse(args);
    let function = match syn::parse2::<TestFunction>(item.clone()) {
        Ok(parsed) => parsed,
        Err(error) => {
            errors.push(error);
            let errors = errors.iter().map(Error::to_compile_error);
            return quote!(#(#errors)* #item);
        }
    };
    let function_errors = function.errors();
    let expanded = match function_errors.is_empty() {
        true => expand(&args, &function),
        false => function.to_token_stream(),
    };
    errors.extend(function_errors);
    let errors = errors.iter().map(Error::to_compile_error);
    quote!(#(#errors)* #expanded)
}

/// Emits two functions: the test, and one that creates the arguments and runs the body. rustc drops
/// the former in builds without tests, and would not report errors in the body.
fn expand(args: &Args, function: &TestFunction) -> TokenStream {
    let krate = match &args.krate {
        Some(path) => path.to_token_stream(),
        None => quote!(::kipod),
    };
    let private = quote!(#krate::__private);
    let TestFunction { visibility, signature, body, .. } = function;
    let name = &signature.ident;
    let inner = format_ident!("__kipod_{}", name.unraw());
    // With the span of the return type: rustc reports an invalid type there.
    let output = match &signature.output {
        ReturnType::Default => quote!(#private::Body<()>),
        ReturnType::Type(_, ty) => quote_spanned!(ty.span()=> #private::Body<#ty>),
    };
    let variables: Vec<_> =
        (0..function.arguments().count()).map(|at| format_ident!("argument_{at}")).collect();
    // One identifier for the parameter and its uses, even if the type comes from another macro.
    let context = format_ident!("__kipod_context");
    let bindings = function.arguments().zip(&variables).map(|(argument, variable)| {
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
    let site = site(args, function, &private);
    // rustc requires `()` for `#[should_panic]`; a test that returns has failed anyway.
    let (output_of_test, end) = match function.should_panic() {
        ShouldPanic::No => (quote!(-> ::std::process::ExitCode), None),
        ShouldPanic::Yes { .. } => (quote!(), Some(quote!(;))),
    };
    let test_attributes = function.test_attributes();
    let body_attributes = function.body_attributes();
    quote! {
        #(#test_attributes)*
        #[::core::prelude::v1::test]
        #visibility fn #name() #output_of_test {
            #private::run(#site, #inner) #end
        }

        #(#body_attributes)*
        #[doc(hidden)]
        #[allow(dead_code)]
        fn #inner(#context: #private::TestContext) -> #output {
            #signature #body
            #private::Body::new(async move {
                #(#bindings)*
                #private::Ok(#name(#(#variables),*).await)
            })
        }
    }
}

/// Emits the `TestSite`, with only the options that are set. The harness has the defaults.
fn site(args: &Args, function: &TestFunction, private: &TokenStream) -> TokenStream {
    let name = function.signature.ident.to_string();
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
    for (field, strings) in lists {
        if !strings.is_empty() {
            let field = format_ident!("{field}");
            fields.push(quote!(#field: &[#(#strings),*]));
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
    if let ShouldPanic::Yes { expected } = function.should_panic() {
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
