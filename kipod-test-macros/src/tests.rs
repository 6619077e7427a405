//! Tests of the expanded tokens. `kipod-test` tests the compiler errors.

use proc_macro2::TokenStream;
use quote::quote;

use crate::args::Args;
use crate::expand;

fn errors(args: TokenStream) -> Vec<String> {
    Args::parse(args).1.iter().map(ToString::to_string).collect()
}

fn expansion(args: TokenStream, item: TokenStream) -> String {
    expand::test(args, item).to_string()
}

#[test]
fn parse_accepts_every_option() {
    let args = quote! {
        cluster = "shared", version = "1.36", namespace = true, manifests("a.yaml", "b/*.yaml"),
        fixtures("c.yaml",), images("localhost/d:e"), timeout = "1m30s", keep = "on-failure",
        flavor = "multi_thread", worker_threads = 2, crate = crate::other,
    };
    let (args, errors) = Args::parse(args);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(args.timeout_ms, Some(90_000));
    assert_eq!(args.manifests.len(), 2);
    let (args, errors) = Args::parse(quote!(exclusive, start_paused = true, version = "v1.36.2"));
    assert!(errors.is_empty(), "{errors:?}");
    assert!(args.exclusive && args.start_paused);
}

#[test]
fn parse_reports_all_errors() {
    let found = errors(quote! {
        clustr = "a", keep = "maybe", timeout = 5, worker_threads = 2, keep = "never",
        control_planes = 2, version = "latest"
    });
    assert_eq!(found.len(), 7, "{found:#?}");
    assert!(found[0].starts_with("unknown option `clustr`; did you mean `cluster`?"));
    assert_eq!(found[1], "`keep` must be one of `\"never\"`, `\"on-failure\"`, `\"always\"`");
    assert_eq!(found[2], "`timeout` expects a string: `timeout = \"5m\"`");
    assert_eq!(found[3], "duplicate option `keep`");
    assert!(found[4].starts_with("the number of control planes must be odd: an even number"));
    assert_eq!(found[5], "expected a Kubernetes version, such as `\"1.36\"` or `\"1.36.2\"`");
    assert_eq!(found[6], "`worker_threads` requires `flavor = \"multi_thread\"`");
}

#[test]
fn parse_checks_cluster_names() {
    let long = "a".repeat(48);
    for bad in ["", "Shared", "a_b", "-a", "a-", long.as_str()] {
        assert_eq!(errors(quote!(cluster = #bad)).len(), 1, "{bad}");
    }
    let longest = "a".repeat(47);
    assert!(errors(quote!(cluster = #longest)).is_empty());
}

#[test]
fn test_emits_the_function_after_errors() {
    for item in [
        quote!(
            fn f() {}
        ),
        quote!(
            async fn f<T>() {}
        ),
        quote!(
            #[should_panic]
            async fn f() -> Result<(), ()> {}
        ),
        quote!(
            async fn f(&self) {}
        ),
        quote!(
            #[tokio::test]
            async fn f() {}
        ),
        quote!(
            async fn f();
        ),
        quote!(
            struct S;
        ),
    ] {
        let text = expansion(quote!(), item.clone());
        assert!(text.contains("compile_error"), "{text}");
        assert!(text.ends_with(&item.to_string()), "{text}");
    }
    let text = expansion(
        quote!(nonsense),
        quote!(
            async fn f() {}
        ),
    );
    assert!(text.contains("compile_error") && text.contains("fn __kipod_f"), "{text}");
}

#[test]
fn test_accepts_a_body_from_another_macro() {
    let block = quote!({ work().await });
    let block = proc_macro2::Group::new(proc_macro2::Delimiter::None, block);
    let text = expansion(quote!(), quote!(async fn f() #block));
    assert!(!text.contains("compile_error") && text.contains("work () . await"), "{text}");
    let two = proc_macro2::Group::new(proc_macro2::Delimiter::None, quote!({} {}));
    let text = expansion(quote!(), quote!(async fn f() #two));
    assert!(text.contains("a test must have a body"), "{text}");
}

#[test]
fn test_distributes_the_attributes() {
    let text = expansion(
        quote!(),
        quote! {
            /// Words.
            #[ignore = "slow"]
            #[should_panic(expected = "boom")]
            #[allow(unused)]
            #[expect(dead_code)]
            async fn f() {}
        },
    );
    let (test, body) = text.split_once("fn __kipod_f").unwrap();
    assert!(test.contains("Words") && test.contains("ignore = \"slow\""), "{test}");
    let in_test = test.split_once("run (").unwrap().0;
    assert!(!in_test.contains("ExitCode"), "rustc requires `()` for `#[should_panic]`");
    assert!(!in_test.contains("expect (dead_code)"), "{in_test}");
    assert!(test.contains("expect (dead_code)"), "the inner function has it: {test}");
    assert!(test.contains("expected : :: kipod :: __private :: Some (\"boom\")"), "{test}");
    assert!(!body.contains("should_panic"), "{body}");
}
