//! Registries of the host.

use std::pin::Pin;

use super::{Engine, Error};
use crate::actions::{RegistryRequest, create_registry, delete_registry};
use crate::registry::{RegistryName, RegistrySummary, registries};
use crate::spec::ImageReference;

/// A builder of a registry; awaiting it creates the registry, or starts an existing one. Created by
/// [`Engine::create_registry`].
///
/// ```no_run
/// # async fn example(engine: kipod_engine::Engine) -> Result<(), Box<dyn std::error::Error>> {
/// let registry = engine
///     .create_registry("images".parse()?)
///     .port(5001)
///     .image("docker.io/library/registry:3".parse()?)
///     .await?;
/// println!("podman push --tls-verify=false IMAGE {}/IMAGE", registry.host);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a creation does nothing until it is awaited"]
pub struct CreateRegistry {
    engine: Engine,
    name: RegistryName,
    port: Option<u16>,
    image: Option<ImageReference>,
}

impl Engine {
    /// Creates a registry on the host that the nodes of all clusters pull from. An existing one of
    /// that name is started.
    ///
    /// ```no_run
    /// # async fn example(engine: kipod_engine::Engine) -> Result<(), kipod_engine::Error> {
    /// let registry = engine.create_registry(Default::default()).port(5001).await?;
    /// assert_eq!(registry.host, "localhost:5001");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When an existing registry has another port or image, or a step fails. Nothing of a new registry
    /// is left then.
    pub fn create_registry(&self, name: RegistryName) -> CreateRegistry {
        CreateRegistry { engine: self.clone(), name, port: None, image: None }
    }

    /// Deletes a registry with everything that was pushed to it. Returns `false` where there was none.
    ///
    /// # Errors
    ///
    /// When something of it cannot be removed.
    pub async fn delete_registry(&self, name: &RegistryName) -> Result<bool, Error> {
        Ok(delete_registry(self.context(&*self.inner.events).await?, name).await?)
    }

    /// Lists the user's registries by name.
    ///
    /// # Errors
    ///
    /// When Podman does not respond.
    pub async fn registries(&self) -> Result<Vec<RegistrySummary>, Error> {
        Ok(registries(self.podman().await?).await?)
    }
}

impl CreateRegistry {
    /// Sets the port on the host. Default: a free one, or the port of the existing registry.
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Sets the registry's image. Default: `docker.io/library/registry:3`.
    pub fn image(mut self, image: ImageReference) -> Self {
        self.image = Some(image);
        self
    }

    async fn run(self) -> Result<RegistrySummary, Error> {
        let Self { engine, name, port, image } = self;
        let events = &*engine.inner.events;
        let machine = engine.machine(events).await?;
        let request = RegistryRequest {
            name,
            port,
            image,
            cgroup_parent: machine.cgroup_parent,
            timeouts: machine.timeouts,
            cancel: engine.inner.cancel.clone(),
        };
        Ok(create_registry(engine.context(events).await?, &request).await?)
    }
}

impl IntoFuture for CreateRegistry {
    type Output = Result<RegistrySummary, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
