//! Tests with every possible outcome, and tests for benchmarks, in a real cluster. The package
//! `kipod-e2e` runs them under cargo and nextest, and checks for leftovers.

#![allow(missing_docs)]

use std::time::{SystemTime, UNIX_EPOCH};

use kipod::k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams, PostParams};
use kube::{Client, Config};

/// Writes the process number and that of the parent to the file that `KIPOD_E2E_ARRIVED` names.
fn arrive() {
    if let Some(path) = std::env::var_os("KIPOD_E2E_ARRIVED") {
        let (pid, parent) = (std::process::id(), std::os::unix::process::parent_id());
        let part = std::path::Path::new(&path).with_extension("part");
        std::fs::write(&part, format!("{pid} {parent}")).unwrap();
        std::fs::rename(&part, &path).unwrap();
    }
}

mod ends {
    use super::*;

    #[kipod::test]
    #[ignore = "run by kipod-e2e"]
    async fn pass(_client: Client) {
        arrive();
    }

    #[kipod::test]
    #[ignore = "run by kipod-e2e"]
    async fn panic(_client: Client) {
        arrive();
        panic!("on purpose");
    }

    #[kipod::test]
    #[ignore = "run by kipod-e2e"]
    async fn abort(_client: Client) {
        arrive();
        std::process::abort();
    }

    #[kipod::test]
    #[ignore = "run by kipod-e2e"]
    async fn hang(_client: Client) {
        arrive();
        std::future::pending().await
    }

    /// The client uses TLS while the clock is paused.
    #[kipod::test(start_paused)]
    #[ignore = "run by kipod-e2e"]
    async fn paused(client: Client) {
        let namespaces: Api<Namespace> = Api::all(client);
        assert!(!namespaces.list(&Default::default()).await.unwrap().items.is_empty());
        arrive();
    }
}

/// Creates a client and a namespace without kipod, from the kubeconfig in `KUBECONFIG`.
async fn by_hand() -> (Api<Namespace>, String) {
    kipod_engine::kubeconfig::client::install_crypto_provider();
    let client = Client::try_from(Config::infer().await.unwrap()).unwrap();
    let namespaces: Api<Namespace> = Api::all(client);
    let name = format!("by-hand-{}-{}", std::process::id(), now());
    let mut namespace = Namespace::default();
    namespace.metadata.name = Some(name.clone());
    namespaces.create(&PostParams::default(), &namespace).await.unwrap();
    (namespaces, name)
}

/// Returns the time in nanoseconds since the Unix epoch.
fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()
}

mod start {
    use super::*;

    #[kipod::test]
    #[ignore = "run by kipod-e2e"]
    async fn with_kipod(_client: Client) {
        println!("\nfirst line at {}", now());
    }

    #[tokio::test]
    #[ignore = "run by kipod-e2e"]
    async fn by_hand() {
        let (namespaces, name) = super::by_hand().await;
        println!("\nfirst line at {}", now());
        namespaces.delete(&name, &DeleteParams::background()).await.unwrap();
    }
}

macro_rules! tests {
    ($($decade:ident)*) => {
        mod many {
            pub(crate) mod with_kipod {
                $(crate::twenty! { $decade, #[kipod::test] (_client: kube::Client) {} })*
            }

            pub(crate) mod by_hand {
                $(crate::twenty! { $decade, #[tokio::test] () {
                    let (namespaces, name) = crate::by_hand().await;
                    namespaces.delete(&name, &kube::api::DeleteParams::background()).await.unwrap();
                } })*
            }
        }
    };
}

macro_rules! twenty {
    ($module:ident, $($test:tt)*) => {
        mod $module {
            crate::each! { ($($test)*)
                t01 t02 t03 t04 t05 t06 t07 t08 t09 t10 t11 t12 t13 t14 t15 t16 t17 t18 t19 t20 }
        }
    };
}

macro_rules! each {
    ($test:tt $($name:ident)*) => { $(crate::one! { $name $test })* };
}

macro_rules! one {
    ($name:ident (#[$attribute:meta] ($($arguments:tt)*) $body:block)) => {
        #[$attribute]
        #[ignore = "run by kipod-e2e"]
        async fn $name($($arguments)*) $body
    };
}

use {each, one, twenty};

tests! { d0 d1 d2 d3 d4 d5 d6 d7 d8 d9 }
