//! `demo/chart`: an artifact that is no image, in the form of a Helm chart.

use serde_json::json;

use super::Repo;
use super::image::{CREATED, LayerBuilder, MANIFEST, Manifest, pretty};

const CHART: &str = "apiVersion: v2\nname: hello\ndescription: Runs the sample image\ntype: application\nversion: 0.1.0\nappVersion: \"1.12\"\n";
const VALUES: &str =
    "image:\n  repository: sample.localhost/demo/hello\n  tag: v1.12\nreplicas: 1\n";
const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{ .Release.Name }}\nspec:\n  replicas: {{ .Values.replicas }}\n  selector:\n    matchLabels:\n      app: {{ .Release.Name }}\n  template:\n    metadata:\n      labels:\n        app: {{ .Release.Name }}\n    spec:\n      containers:\n        - name: hello\n          image: \"{{ .Values.image.repository }}:{{ .Values.image.tag }}\"\n";

pub(super) fn build() -> Repo {
    let mut repo = Repo::default();
    let mut archive = LayerBuilder::new();
    archive
        .file("hello/Chart.yaml", 0o644, CHART)
        .file("hello/values.yaml", 0o644, VALUES)
        .file("hello/templates/deployment.yaml", 0o644, DEPLOYMENT);
    let config = json!({
        "apiVersion": "v2", "appVersion": "1.12", "description": "Runs the sample image",
        "name": "hello", "type": "application", "version": "0.1.0"
    });
    let config = repo.put_blob("application/vnd.cncf.helm.config.v1+json", pretty(&config));
    let kind = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
    let layer = repo.put_blob(kind, archive.finish().gzip);
    let mut manifest = Manifest::new(config, vec![layer]);
    manifest.annotations = Some(json!({
        "org.opencontainers.image.created": CREATED,
        "org.opencontainers.image.title": "hello",
        "org.opencontainers.image.version": "0.1.0"
    }));
    let descriptor = repo.put_manifest(MANIFEST, &manifest);
    for tag in ["0.1.0", "latest"] {
        repo.tag(tag, &descriptor);
    }
    repo
}
