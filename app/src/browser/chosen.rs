//! Files that were chosen: walked into where they are folders, read in parts, unpacked where an
//! image was compressed as a whole, and kept for later visits by their handles.

use std::ops::Range;

use js_sys::{Array, AsyncIterator, JsString, Promise, Reflect, Uint8Array};
use layerscope_core::local::{Content, Files, Named, Opened};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, File, IdbTransactionMode};

use super::drop::{Dropped, Item};
use super::embed::Content as Handed;
use super::error::BrowserError;
use super::idb::{self, Transaction};
use super::object::{get, method};
use super::{page, unpack};

/// Files of a folder that are taken; one more, so that too many are told as such.
const MAX_FILES: usize = 100_001;
/// Bytes by chance in the name of what is handed over: nobody guesses one, and no two are alike.
const NAME_BYTES: usize = 16;
/// Where handles are kept.
const DATABASE: &str = "layerscope-local";
const HANDLES: &str = "handles";
const VERSION: u32 = 1;

/// Chosen files; their bytes stay on disk.
pub struct Chosen {
    list: Vec<Named>,
    files: Vec<Blob>,
    /// What the browser can open again, if it gave such for all of them.
    handles: Option<Array>,
    /// A name by chance, if somebody has handed it over.
    handed_over: Option<String>,
}

async fn wait(promise: JsValue) -> Result<JsValue, BrowserError> {
    // What is no promise is its own value.
    JsFuture::from(Promise::resolve(&promise))
        .await
        .map_err(BrowserError::of("reading what was chosen"))
}

/// Calls a method and waits for what it promises.
async fn ask(object: &JsValue, name: &str, argument: &JsValue) -> Result<JsValue, BrowserError> {
    let missing = BrowserError::Missing {
        what: "access to files",
    };
    let promise = method(object, name).ok_or(missing)?.call1(object, argument);
    wait(promise.map_err(BrowserError::of("reading what was chosen"))?).await
}

impl Chosen {
    fn empty() -> Chosen {
        Chosen {
            list: Vec::new(),
            files: Vec::new(),
            handles: Some(Array::new()),
            handed_over: None,
        }
    }

    /// Takes what was dropped or chosen.
    ///
    /// # Errors
    /// The browser does not give it.
    pub async fn of(dropped: Dropped) -> Result<Chosen, BrowserError> {
        let mut chosen = Chosen::empty();
        for item in dropped.0 {
            let Item {
                file,
                entry,
                handle,
            } = item;
            if handle.is_object() {
                // The dialog for files gives an array.
                let several = Array::is_array(&handle).then(|| Array::from(&handle));
                for handle in several.unwrap_or_else(|| Array::of1(&handle)).iter() {
                    chosen.add_handle(&handle).await?;
                }
                continue;
            }
            chosen.handles = None;
            if get(&entry, "isDirectory").is_truthy() {
                chosen.add_entry(entry).await?;
            } else if let Some(file) = file {
                // Set where a whole folder was chosen in a field.
                let path = get(&file, "webkitRelativePath").as_string();
                let path = path
                    .filter(|p| !p.is_empty())
                    .unwrap_or_else(|| file.name());
                chosen.add_file(path, file);
            }
        }
        chosen.sorted().unpacked().await
    }

    /// Takes handles: those of the browser's dialog, or those of an earlier visit.
    ///
    /// # Errors
    /// A file is gone, or the browser does not give it.
    pub async fn of_handles(handles: &Array) -> Result<Chosen, BrowserError> {
        let mut chosen = Chosen::empty();
        for handle in handles.iter() {
            chosen.add_handle(&handle).await?;
        }
        chosen.sorted().unpacked().await
    }

    /// Takes bytes or a file that somebody hands over.
    ///
    /// # Errors
    /// They cannot be taken or unpacked.
    pub async fn of_content(name: &str, content: Handed) -> Result<Chosen, BrowserError> {
        let blob = content.blob()?;
        let mut chosen = Chosen::empty();
        chosen.handles = None;
        chosen.handed_over = Some(name_by_chance()?);
        chosen.add(name.to_owned(), &blob, 0.0); // which no id is made of
        chosen.unpacked().await
    }

    fn add_file(&mut self, path: String, file: File) {
        let modified = file.last_modified();
        self.add(path, &file, modified);
    }

    fn add(&mut self, path: String, blob: &Blob, modified_ms: f64) {
        if self.list.len() < MAX_FILES {
            self.list.push(Named {
                path,
                len: blob.size() as u64, // a whole number that a double holds
                modified_ms,
            });
            self.files.push(blob.clone());
        }
    }

    /// The order in which a folder gives its files is nobody's promise.
    fn sorted(mut self) -> Self {
        let mut both: Vec<(Named, Blob)> = self.list.drain(..).zip(self.files.drain(..)).collect();
        both.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
        (self.list, self.files) = both.into_iter().unzip();
        self
    }

    async fn add_handle(&mut self, handle: &JsValue) -> Result<(), BrowserError> {
        if let Some(handles) = &self.handles {
            handles.push(handle);
        }
        // Folders that are still to be looked into, each with its path.
        let mut left = vec![(String::new(), handle.clone())];
        while let Some((above, handle)) = left.pop() {
            let name = get(&handle, "name").as_string().unwrap_or_default();
            if get(&handle, "kind") == "file" {
                let file: File = ask(&handle, "getFile", &JsValue::UNDEFINED)
                    .await?
                    .unchecked_into();
                self.add_file(above + &name, file);
                continue;
            }
            let doing = "reading the folder";
            let values = method(&handle, "values").and_then(|m| m.call0(&handle).ok());
            let values: AsyncIterator = values.unwrap_or_default().unchecked_into();
            while self.list.len() + left.len() < MAX_FILES {
                let next = values.next().map_err(BrowserError::of(doing))?;
                let next = wait(next.into()).await?;
                if get(&next, "done").is_truthy() {
                    break;
                }
                left.push((format!("{above}{name}/"), get(&next, "value")));
            }
        }
        Ok(())
    }

    async fn add_entry(&mut self, entry: JsValue) -> Result<(), BrowserError> {
        let mut left = vec![(String::new(), entry)];
        while let Some((above, entry)) = left.pop() {
            let name = get(&entry, "name").as_string().unwrap_or_default();
            if !get(&entry, "isDirectory").is_truthy() {
                let file: File = called_back(&entry, "file").await?.unchecked_into();
                self.add_file(above + &name, file);
                continue;
            }
            let reader = method(&entry, "createReader").and_then(|m| m.call0(&entry).ok());
            let reader = reader.unwrap_or_default();
            // It gives some at a time, and none at the end.
            while self.list.len() + left.len() < MAX_FILES {
                let some = Array::from(&called_back(&reader, "readEntries").await?);
                if some.length() == 0 {
                    break;
                }
                left.extend(some.iter().map(|e| (format!("{above}{name}/"), e)));
            }
        }
        Ok(())
    }

    /// An image that was compressed as a whole is unpacked, into a blob that the browser keeps on
    /// disk if it is large: nothing in it could be got at by its place.
    async fn unpacked(mut self) -> Result<Chosen, BrowserError> {
        let ([named], [blob]) = (self.list.as_mut_slice(), self.files.as_mut_slice()) else {
            return Ok(self);
        };
        if let Some(plain) = unpack::image(blob).await? {
            *blob = plain;
            named.len = blob.size() as u64; // as above
        }
        Ok(self)
    }

    /// Answers what an address leads to.
    pub fn find(&self, opened: &Opened, url: &str) -> Option<Blob> {
        match opened.find(url)? {
            Content::Piece(piece) => {
                let file = self.files.get(piece.file)?;
                let start = piece.start as f64;
                slice(file, start, start + piece.len as f64).ok()
            }
            Content::Made(bytes) => {
                let parts = Array::of1(&Uint8Array::from(bytes.as_slice()));
                Blob::new_with_u8_array_sequence(&parts).ok()
            }
        }
    }

    /// Keeps what the browser can open again, under an id. False if there is no such.
    ///
    /// # Errors
    /// The browser's storage does not take it.
    pub async fn remember(&self, id: &str) -> Result<bool, BrowserError> {
        let Some(handles) = self.handles.as_ref().filter(|h| h.length() > 0) else {
            return Ok(false);
        };
        let doing = "remembering the file";
        let database = idb::open(DATABASE, VERSION, &[HANDLES]).await?;
        let change = Transaction::new(doing, &database, &[HANDLES], IdbTransactionMode::Readwrite)?;
        let put = change.store(HANDLES)?.put_with_key(handles, &id.into());
        idb::value(doing, put).await?;
        change.done().await?;
        database.close();
        Ok(true)
    }
}

/// The handles kept under an id.
///
/// # Errors
/// The browser's storage does not give them.
pub async fn remembered(id: &str) -> Result<Option<Array>, BrowserError> {
    let doing = "looking for the file";
    let database = idb::open(DATABASE, VERSION, &[HANDLES]).await?;
    let look = Transaction::new(doing, &database, &[HANDLES], IdbTransactionMode::Readonly)?;
    let found = idb::value(doing, look.store(HANDLES)?.get(&id.into())).await?;
    look.done().await?;
    database.close();
    Ok(found.dyn_into().ok())
}

/// Forgets all of them; nobody waits for it.
pub fn forget_all() {
    if let Ok(factory) = idb::factory() {
        drop(factory.delete_database(DATABASE));
    }
}

/// Whether handles may be read: now, or (`ask_user`, in an event of the user's) after a question.
pub async fn may_read(handles: &Array, ask_user: bool) -> bool {
    let name = if ask_user {
        "requestPermission"
    } else {
        "queryPermission"
    };
    for handle in handles.iter() {
        // Where there is no such question, there is nothing to ask.
        if method(&handle, name).is_none() {
            continue;
        }
        let mode = js_sys::Object::new();
        drop(Reflect::set(&mode, &"mode".into(), &"read".into()));
        match ask(&handle, name, &mode).await {
            Ok(state) if state == "granted" => {}
            _ => return false,
        }
    }
    true
}

async fn called_back(object: &JsValue, name: &str) -> Result<JsValue, BrowserError> {
    let function = method(object, name);
    let promise = Promise::new(&mut |resolve, reject| {
        if let Some(function) = &function {
            drop(function.call2(object, &resolve, &reject));
        }
    });
    wait(promise.into()).await
}

pub(super) fn slice(blob: &Blob, start: f64, end: f64) -> Result<Blob, JsValue> {
    blob.slice_with_f64_and_f64(start, end)
}

/// A name that nobody guesses.
fn name_by_chance() -> Result<String, BrowserError> {
    let doing = "naming what was handed over";
    let crypto = page::window().crypto().map_err(BrowserError::of(doing))?;
    let mut bytes = [0; NAME_BYTES];
    let filled = crypto.get_random_values_with_u8_array(&mut bytes);
    filled.map_err(BrowserError::of(doing))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Files for Chosen {
    fn list(&self) -> &[Named] {
        &self.list
    }

    fn handed_over(&self) -> Option<&str> {
        self.handed_over.as_deref()
    }

    async fn read(&self, file: usize, range: Range<u64>) -> Result<Vec<u8>, String> {
        let blob = self.files.get(file).ok_or("there is no such file")?;
        let told = |thrown: JsValue| BrowserError::from_js("reading the file", &thrown).to_string();
        let part = slice(blob, range.start as f64, range.end as f64).map_err(told)?;
        let bytes = JsFuture::from(part.array_buffer()).await.map_err(told)?;
        Ok(Uint8Array::new(&bytes).to_vec())
    }
}

/// The name of a handle or of the first of several.
pub fn name_of(handles: &Array) -> String {
    let name = get(&handles.get(0), "name");
    name.dyn_into::<JsString>()
        .map_or(String::new(), Into::into)
}
