//! `kipod create registry`, `kipod delete registry` and `kipod get registries`.

use kipod_engine::registry::{RegistryName, RegistrySummary};
use kipod_engine::spec::ImageReference;
use kipod_engine::{Event, Events};

use super::{print, print_json, print_names, table};
use crate::args::{CreateRegistryArgs, ListArgs, ListOutput, RegistryArg};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::session::{open, open_cancellable};

pub(crate) async fn create(
    args: &CreateRegistryArgs,
    progress: &'static Progress,
) -> Result<u8, Failure> {
    let name = name(&args.registry)?;
    let image = args.image.as_deref().map(str::parse::<ImageReference>).transpose();
    let image = image.map_err(|error| Failure::usage(format!("--image: {error}")))?;
    let mut creation = open_cancellable(progress)?.create_registry(name);
    if args.port != 0 {
        creation = creation.port(args.port);
    }
    if let Some(image) = image {
        creation = creation.image(image);
    }
    let created = creation.await?;
    let (name, host) = (&created.name, &created.host);
    progress.send(Event::Note(format!(
        "registry `{name}` is at {host}, for pods too. Try:\n  podman push --tls-verify=false IMAGE {host}/IMAGE",
    )));
    Ok(0)
}

pub(crate) async fn delete(
    registry: &RegistryArg,
    progress: &'static Progress,
) -> Result<u8, Failure> {
    let name = name(registry)?;
    let text = match open(progress)?.delete_registry(&name).await? {
        true => format!("registry `{name}` deleted"),
        false => format!("registry `{name}` not found"),
    };
    progress.send(Event::Note(text));
    Ok(0)
}

pub(crate) async fn list(list: &ListArgs, progress: &'static Progress) -> Result<u8, Failure> {
    let all = open(progress)?.registries().await?;
    match list.output {
        ListOutput::Json => return print_json(&all),
        ListOutput::Name => {
            return print_names(all.iter().map(|one| one.name.as_str()));
        }
        ListOutput::Text | ListOutput::Wide => {}
    }
    if all.is_empty() {
        progress.send(Event::Note("no registries found".to_owned()));
        return Ok(0);
    }
    let wide = list.output == ListOutput::Wide;
    let rows: Vec<Vec<String>> = all.into_iter().map(|one| row(one, wide)).collect();
    let mut heading = vec!["NAME", "STATE", "REGISTRY"];
    if wide {
        heading.extend(["ADDRESS", "IMAGE"]);
    }
    print(&table(&heading, &rows))
}

fn row(one: RegistrySummary, wide: bool) -> Vec<String> {
    let mut row = vec![one.name.to_string(), one.state.to_string(), one.host];
    if wide {
        row.extend([one.address.to_string(), one.image]);
    }
    row
}

fn name(registry: &RegistryArg) -> Result<RegistryName, Failure> {
    Ok(registry.name().map(str::parse).transpose()?.unwrap_or_default())
}
