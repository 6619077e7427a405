//! The images that an archive lists, which are compared with those that Podman loads.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::util::bounded::{self, TEXT_LIMIT};

/// The formats of archives, with the transport of containers-transports(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Of `docker save`: `manifest.json`.
    Docker,
    /// Of `podman save --format oci-archive`: `index.json`.
    Oci,
}

impl Format {
    pub(super) fn transport(self) -> &'static str {
        match self {
            Self::Docker => "docker-archive",
            Self::Oci => "oci-archive",
        }
    }
}

/// The list of an archive.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) format: Format,
    images: Vec<Listed>,
}

/// An image in the list.
#[derive(Debug, PartialEq, Eq)]
struct Listed {
    /// The digest of its configuration, or of its manifest.
    digest: String,
    names: Vec<String>,
}

impl Listing {
    /// Reads the list of an archive: a tar file, which may be compressed.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        Self::read_from(decompressed(path)?)
    }

    /// Reads the list of a tar file, which may be compressed with gzip.
    pub(super) fn read_from(tar: impl Read) -> io::Result<Self> {
        let mut tar = BufReader::new(tar);
        let is_gzip = tar.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        let plain: Box<dyn Read + '_> = match is_gzip {
            true => Box::new(flate2::bufread::MultiGzDecoder::new(tar)),
            false => Box::new(tar),
        };
        let mut index = None;
        // Raw entries: long names and extended headers would be read into memory, of any size.
        for entry in tar::Archive::new(plain).entries()?.raw(true) {
            let entry = entry?;
            let name = entry.path()?.to_string_lossy().trim_start_matches("./").to_owned();
            match name.as_str() {
                "index.json" => index = Some(Self::oci(parse(entry)?)),
                // Docker also writes an index, which has only the tags of the names.
                "manifest.json" => return Ok(Self::docker(parse(entry)?)),
                _ => {}
            }
        }
        index.ok_or_else(|| io::Error::other("it has neither `manifest.json` nor `index.json`"))
    }

    fn docker(images: Vec<DockerImage>) -> Self {
        let listed = images.into_iter().map(|image| Listed {
            digest: image.config,
            names: image.repo_tags.unwrap_or_default(),
        });
        Self { format: Format::Docker, images: listed.collect() }
    }

    fn oci(index: OciIndex) -> Self {
        let listed = index.manifests.into_iter().map(|mut manifest| Listed {
            digest: manifest.digest,
            names: manifest.annotations.remove(REFERENCE).into_iter().collect(),
        });
        Self { format: Format::Oci, images: listed.collect() }
    }

    /// Returns the number of different images.
    pub(super) fn count(&self) -> usize {
        let mut digests: Vec<&str> =
            self.images.iter().map(|image| image.digest.as_str()).collect();
        digests.sort_unstable();
        digests.dedup();
        digests.len()
    }

    /// Returns all names, if each image has one.
    ///
    /// # Errors
    ///
    /// If images have no name. The error is the reason.
    pub(super) fn names(&self) -> Result<Vec<&str>, String> {
        match self.images.iter().filter(|image| image.names.is_empty()).count() {
            0 => {
                Ok(self.images.iter().flat_map(|image| &image.names).map(String::as_str).collect())
            }
            1 => Err("it has an image without a name".to_owned()),
            count => Err(format!("it has {count} images without a name")),
        }
    }

    /// Fails if several images have the same name. Podman would load only one of them.
    ///
    /// # Errors
    ///
    /// The error is the reason, with each such name.
    pub(super) fn require_different_names(&self) -> Result<(), String> {
        let mut digests: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for image in &self.images {
            for name in &image.names {
                let all = digests.entry(name).or_default();
                if !all.contains(&image.digest.as_str()) {
                    all.push(&image.digest);
                }
            }
        }
        let shared = digests.iter().filter(|(_, digests)| digests.len() > 1);
        let errors: Vec<String> = shared
            .map(|(name, all)| format!("{} images have the name `{name}`", all.len()))
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(errors.join(", ")) }
    }
}

/// The annotation with the name of an image. Source: the OCI image specification, "Annotations".
const REFERENCE: &str = "org.opencontainers.image.ref.name";

/// An image in `manifest.json` of `docker save`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerImage {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
}

/// `index.json` of an OCI image layout.
#[derive(Deserialize)]
struct OciIndex {
    manifests: Vec<OciManifest>,
}

#[derive(Deserialize)]
struct OciManifest {
    digest: String,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

fn parse<T: DeserializeOwned>(entry: impl Read) -> io::Result<T> {
    Ok(serde_json::from_slice(&bounded::read_stream(entry, TEXT_LIMIT)?)?)
}

/// Opens a file, and decompresses it by its first bytes, except for gzip. Podman reads the same formats.
fn decompressed(path: &Path) -> io::Result<Box<dyn Read>> {
    let mut magic = Vec::new();
    File::open(path)?.take(6).read_to_end(&mut magic)?;
    let file = File::open(path)?;
    Ok(match magic.as_slice() {
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(Program::start("zstd", file)?),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => Box::new(Program::start("xz", file)?),
        [b'B', b'Z', b'h', ..] => Box::new(Program::start("bzip2", file)?),
        _ => Box::new(file),
    })
}

/// A program that decompresses a file. Dropping it ends the program.
struct Program {
    child: Child,
    output: ChildStdout,
}

impl Program {
    fn start(name: &str, file: File) -> io::Result<Self> {
        let mut command = Command::new(name);
        command.args(["--decompress", "--stdout"]);
        command.stdin(file).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => io::Error::other(format!(
                "`{name}` is not installed, which decompresses it: install `{name}`, or decompress the archive"
            )),
            _ => error,
        })?;
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self { child, output })
    }
}

impl Read for Program {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.output.read(buffer)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has usually written all its output, or is blocked in a write.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Packs the directory of an OCI image layout into an archive. Podman loads such a directory with the name
/// of its path, and only if it has one image.
pub(super) fn pack(directory: &Path, archive: &Path) -> io::Result<()> {
    if !directory.join("index.json").is_file() {
        return Err(io::Error::other(
            "it is a directory without an OCI image layout: `index.json` is missing",
        ));
    }
    let mut tar = tar::Builder::new(File::create_new(archive)?);
    for part in ["oci-layout", "index.json"] {
        tar.append_path_with_name(directory.join(part), part)?;
    }
    tar.append_dir_all("blobs", directory.join("blobs"))?;
    tar.into_inner()?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn tar(files: &[(&str, &str)]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            tar.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap()
    }

    fn listing(bytes: &[u8]) -> io::Result<Listing> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        Listing::read(file.path())
    }

    /// Returns an index with an image for each name; an empty name is none.
    fn index(names: &[&str]) -> String {
        let manifest = |(number, name): (usize, &&str)| match *name {
            "" => format!(r#"{{"digest": "{number}"}}"#),
            name => {
                format!(r#"{{"digest": "{number}", "annotations": {{"{REFERENCE}": "{name}"}}}}"#)
            }
        };
        let manifests: Vec<String> = names.iter().enumerate().map(manifest).collect();
        format!(r#"{{"manifests": [{}]}}"#, manifests.join(","))
    }

    #[test]
    fn compressed_archives_are_listed() {
        let plain = tar(&[("oci-layout", "{}"), ("./index.json", &index(&["localhost/a:1", "b"]))]);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain).unwrap();
        for bytes in [plain, gzip.finish().unwrap()] {
            let listing = listing(&bytes).unwrap();
            assert_eq!(listing.names().unwrap(), ["localhost/a:1", "b"]);
            assert_eq!((listing.format, listing.count()), (Format::Oci, 2));
        }
        for program in ["zstd", "xz", "bzip2"] {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), tar(&[("index.json", &index(&["c"]))])).unwrap();
            let output = Command::new(program).args(["-c", "-f"]).arg(file.path()).output();
            // Not all of them are installed everywhere.
            let Ok(output) = output else { continue };
            assert_eq!(listing(&output.stdout).unwrap().names().unwrap(), ["c"], "{program}");
        }
    }

    #[test]
    fn list_of_docker_has_precedence() {
        let docker = r#"[{"Config": "1.json", "RepoTags": ["localhost/a:1", "localhost/a:2"]},
            {"Config": "1.json", "RepoTags": ["localhost/b:1"]},
            {"Config": "2.json", "RepoTags": null}]"#;
        let index = index(&["1", "2"]);
        let bytes = tar(&[("index.json", &index), ("manifest.json", docker)]);
        let listing = listing(&bytes).unwrap();
        assert_eq!((listing.format, listing.count()), (Format::Docker, 2));
        assert_eq!(listing.names().unwrap_err(), "it has an image without a name");
        listing.require_different_names().unwrap();
    }

    #[test]
    fn shared_names_are_reported() {
        let listing = listing(&tar(&[("index.json", &index(&["a", "b", "a", "b", "c"]))])).unwrap();
        let error = listing.require_different_names().unwrap_err();
        assert_eq!(error, "2 images have the name `a`, 2 images have the name `b`");
    }

    #[test]
    fn archives_without_a_list_are_rejected() {
        let error = listing(&[0; 1024]).unwrap_err().to_string();
        assert_eq!(error, "it has neither `manifest.json` nor `index.json`");
        let two = listing(&tar(&[("index.json", &index(&["", ""]))])).unwrap();
        assert_eq!(two.names().unwrap_err(), "it has 2 images without a name");
    }

    #[test]
    fn layout_directories_are_packed() {
        let directory = tempfile::tempdir().unwrap();
        let layout = directory.path().join("layout");
        std::fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
        let archive = directory.path().join("archive");
        let error = pack(&layout, &archive).unwrap_err().to_string();
        assert!(error.contains("`index.json` is missing"), "{error}");
        std::fs::write(layout.join("oci-layout"), "{}").unwrap();
        std::fs::write(layout.join("index.json"), index(&["a"])).unwrap();
        pack(&layout, &archive).unwrap();
        assert_eq!(Listing::read(&archive).unwrap().names().unwrap(), ["a"]);
    }
}
