//! What was opened from disk, in words, and the same by the command line.

use super::command::{Command, quote};
use super::problem::Problem;
use crate::digest::Digest;
use crate::local::{Form, LocalError, Opened};
use crate::registry::error::RegistryError;

impl From<&LocalError> for Problem {
    fn from(error: &LocalError) -> Problem {
        let (code, title, remedy) = match error {
            LocalError::Nothing | LocalError::Empty { .. } => (
                "LOCAL_EMPTY",
                "There is nothing in it",
                "Choose another file. If it comes from a download, it may not have ended.",
            ),
            LocalError::TooMany { .. } | LocalError::NoImage => (
                "LOCAL_NO_IMAGE",
                "The folder is no image layout",
                "Choose the folder in which index.json and oci-layout are, or a single file.",
            ),
            LocalError::Damaged { .. } => (
                "LOCAL_DAMAGED",
                "The archive could not be read",
                "Save or download it again; if it was copied, compare the sizes.",
            ),
            LocalError::Document { .. } | LocalError::Missing { .. } => (
                "LOCAL_DOCUMENT",
                "This looks like an image, but does not fit together",
                "Save the image again, with docker save or skopeo copy.",
            ),
            LocalError::Unreadable { .. } => (
                "LOCAL_UNREADABLE",
                "The browser could not read the file",
                "It may have been moved, changed or deleted since it was chosen. Choose it again.",
            ),
        };
        Problem::new(code, title, error.to_string(), remedy)
    }
}

/// What a request failed for that no registry ever saw.
pub(super) fn problem_of_request(error: &RegistryError) -> Problem {
    match error {
        RegistryError::NotFound { attempt, .. } => Problem::new(
            "LOCAL_MISSING",
            "This is not in the file",
            format!("{} is named, but its bytes are not there", attempt.what),
            "Layouts may leave out other platforms. Save the image again with all of them if it is needed.",
        ),
        other => Problem::new(
            "LOCAL_UNREADABLE",
            "The browser could not read the file",
            other.to_string(),
            "It may have been moved, changed or deleted since it was chosen. Choose it again.",
        ),
    }
}

/// What kind of thing it is.
pub fn form(form: Form) -> &'static str {
    match form {
        Form::OciLayout => "OCI image layout",
        Form::DockerSave => "saved by docker save",
        Form::Archives => "archive",
    }
}

/// How it is looked at by the command line.
pub fn commands(opened: &Opened) -> Vec<Command> {
    let name = quote(opened.name.as_bytes());
    let is_tar = opened.name.contains('.');
    let transport = match (opened.form, is_tar) {
        (Form::DockerSave, _) => "docker-archive",
        (Form::OciLayout, true) => "oci-archive",
        (Form::OciLayout, false) => "oci",
        (Form::Archives, _) => return Vec::new(),
    };
    vec![Command {
        tool: "skopeo",
        line: format!("skopeo inspect --config {transport}:{name}"),
    }]
}

/// How a layer is listed by the command line: where a tar has it.
pub fn layer_commands(opened: &Opened, digest: &Digest) -> Vec<Command> {
    let name = quote(opened.name.as_bytes());
    let line = match opened.form {
        Form::Archives
            if opened
                .archives
                .iter()
                .any(|a| !a.folder && a.digest == *digest) =>
        {
            format!("tar -tvf {name}")
        }
        Form::OciLayout => {
            let blob = format!("blobs/{}/{}", digest.algorithm().name(), digest.encoded());
            format!("tar -xOf {name} {blob} | tar -tvz")
        }
        _ => return Vec::new(),
    };
    vec![Command { tool: "tar", line }]
}
