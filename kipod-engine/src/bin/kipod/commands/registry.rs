//! `kipod create registry`, `kipod delete registry` and `kipod get registries`.

use kipod_engine::actions::{self, RegistryRequest};
use kipod_engine::plan::Machine;
use kipod_engine::registry::{self, RegistryName, RegistrySummary};
use kipod_engine::spec::ImageReference;
use kipod_engine::{Event, Events};

use super::{print, print_json, print_names, table};
use crate::args::{CreateRegistryArgs, ListArgs, ListOutput, RegistryArg};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::session::{Session, stop_on_signals, time_factor};

pub(crate) async fn create(
    args: &CreateRegistryArgs,
    progress: &'static Progress,
) -> Result<u8, Failure> {
    let name = name(&args.registry)?;
    let image = args.image.as_deref().map(str::parse::<ImageReference>).transpose();
    let image = image.map_err(|fault| Failure::new(format!("--image: {fault}")).code(2))?;
    let time_factor = time_factor()?;
    let cancel = stop_on_signals(progress)?;
    let report = super::create::check(progress).await?;
    let session = Session::open(progress).await?;
    let request = RegistryRequest {
        name,
        port: (args.port != 0).then_some(args.port),
        image,
        cgroup_parent: Machine::from_facts(&report.facts).cgroup_parent,
        time_factor,
        cancel,
    };
    let made = actions::create_registry(session.context(), &request).await?;
    let (name, host) = (&made.registry.name, &made.host);
    progress.send(Event::Note(format!(
        "registry `{name}` is at {host}, for pods too. Try:\n  podman push --tls-verify=false IMAGE {host}/IMAGE",
    )));
    Ok(0)
}

pub(crate) async fn delete(registry: &RegistryArg, progress: &Progress) -> Result<u8, Failure> {
    let name = name(registry)?;
    let session = Session::open(progress).await?;
    let text = match actions::delete_registry(session.context(), &name).await? {
        true => format!("registry `{name}` is deleted"),
        false => format!("there is no registry `{name}`"),
    };
    progress.send(Event::Note(text));
    Ok(0)
}

pub(crate) async fn list(list: &ListArgs, progress: &Progress) -> Result<u8, Failure> {
    let session = Session::open(progress).await?;
    let all = registry::registries(&session.service).await?;
    match list.output {
        ListOutput::Json => return print_json(&all),
        ListOutput::Name => {
            return print_names(all.iter().map(|one| one.registry.name.as_str()));
        }
        ListOutput::Text | ListOutput::Wide => {}
    }
    if all.is_empty() {
        progress.send(Event::Note("there are no registries".to_owned()));
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
    let mut row = vec![one.registry.name, one.state, one.host];
    if wide {
        row.extend([one.registry.address.to_string(), one.image]);
    }
    row
}

fn name(registry: &RegistryArg) -> Result<RegistryName, Failure> {
    let parse = |name: &str| name.parse().map_err(|error| Failure::from(error).code(2));
    registry.name().map_or(Ok(RegistryName::default()), parse)
}
