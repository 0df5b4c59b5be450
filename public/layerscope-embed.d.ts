/** The version of the messages. */
export declare const VERSION: 1;

/** What went wrong, in words. */
export interface Problem {
  code: string;
  title: string;
  cause: string;
  remedy: string;
}

/** Something that can be pointed at from outside; a host can tag it. */
export interface Selection {
  version: 1;
  type: "selected" | "file";
  kind: "image" | "directory" | "file" | "link" | "blob" | "other";
  /** The whole name of its repository, with the registry. */
  repository: string;
  /** The digest of the manifest, layer or blob. */
  digest: string;
  /** The path in the layer, percent-encoded bytes; empty for images and blobs. */
  path: string;
  /** The file's size in bytes, where that is known. */
  size: number | null;
  /** The fragment that leads there, with `#`. */
  route: string;
}

export interface LayerScopeEventMap {
  welcome: CustomEvent<{ version: 1; type: "welcome"; build: string }>;
  navigated: CustomEvent<{ version: 1; type: "navigated"; route: string; title: string }>;
  selected: CustomEvent<Selection>;
  file: CustomEvent<Selection>;
  error: CustomEvent<{ version: 1; type: "error"; route: string; problem: Problem }>;
  height: CustomEvent<{ version: 1; type: "height"; px: number }>;
  failed: CustomEvent<{ version: 1; type: "failed"; id: string | null; problem: Problem }>;
  denied: CustomEvent<null>;
}

/** A message was refused (`code` of the problem), or `DENIED`, `SILENT`, or `GONE`: loaded anew. */
export declare class LayerscopeError extends Error {
  readonly code: string;
  constructor(code: string, message: string);
}

/** `<layer-scope src="…" reference="debian:12" theme="dark" density="compact">` */
export declare class LayerScope extends HTMLElement {
  /** Settled when the frame has answered; another one when the frame was loaded anew. */
  readonly ready: Promise<void>;
  open(what: { reference: string } | { route: string }): Promise<void>;
  openContent(content: ArrayBuffer | Blob, name?: string): Promise<void>;
  useCredential(
    credential:
      | { registry: string; username: string; password: string }
      | { registry: string; token: string },
  ): Promise<void>;
  addEventListener<K extends keyof LayerScopeEventMap>(
    type: K,
    listener: (this: LayerScope, event: LayerScopeEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "layer-scope": LayerScope;
  }
}
