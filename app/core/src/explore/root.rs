//! The layers of an image as one file system.
//!
//! Each layer is a job of its own in this worker, which opens as any layer does and speaks under
//! the id of the whole. They are laid one over the other as they come to their ends, the lowest
//! first; what is listed grows by whole layers. A file is read by the job of the layer that it is
//! from.

use std::cell::RefCell;
use std::future::poll_fn;
use std::ops::Range;
use std::rc::Rc;
use std::task::Poll;

use crate::job::{Access, Event, Found, LayerSource, Phase, ReadId, Row, Target, ViewInfo};
use crate::job::{Verified, ViewMode};
use crate::path::EntryPath;
use crate::rootfs::ask::{MAX_WASTE, PackagesAnswer, RootAnswer, RootAsk};
use crate::rootfs::packages::{
    self, APK_INSTALLED, DPKG_INFO, DPKG_STATUS, DPKG_STATUS_D, Packages,
};
use crate::rootfs::query::Query;
use crate::rootfs::waste::Waste;
use crate::rootfs::{Fate, Laid, NoRoom, RootFs};
use crate::toc::Toc;
use crate::tree::{NodeId, Resolved, Tree};
use crate::view::listing::{self, Listing, MAX_OTHERS};
use crate::view::problem::Problem;

use super::cancel::race;
use super::compare::{self, Compared};
use super::error::ExploreError;
use super::formats::Local;
use super::job_state::Job;
use super::ports::Ports;
use super::session::Inner;
use super::{read, stream};

/// Layers of one image that stream at once: one is unpacked while the next one's bytes are on
/// their way. They share a thread, so more would only share its time.
const STREAMS: usize = 2;

/// Steps of laying a layer over the others between two looks at other messages: some milliseconds.
const SLICE: u64 = 100_000;

/// How soon what has come is shown, if nothing more comes, in milliseconds.
const LOOK_AGAIN_MS: u32 = 250;

/// What a session needs of layers that are laid one over the other.
pub(super) trait Merged {
    /// Puts the next layer over those that are there, some of it at a time.
    fn lay(&mut self, toc: &Toc, out_len: u64) -> Laid;
    /// Takes back what is there of a layer that is not all in.
    fn give_up(&mut self);
    /// Makes what is visible anew if there is another layer.
    fn update(&mut self);
    fn toc(&self) -> &Toc;
    /// Uncompressed bytes of all layers.
    fn out_len(&self) -> u64;
    /// The layer in which an entry's bytes are, and its ordinal there.
    fn part_of(&self, ordinal: u32) -> Option<(usize, u32)>;
    /// The entry of the file that a path names, links followed.
    fn file_at(&self, path: &EntryPath) -> Option<u32>;
    fn refresh(&self, listing: &mut Listing) -> bool;
    fn info(&self, listing: &Listing, complete: bool) -> ViewInfo;
    fn rows(&self, listing: &Listing, range: Range<u32>) -> Vec<Row>;
    fn position(&self, listing: &Listing, path: &EntryPath) -> Option<u32>;
    fn root(&self) -> &RootFs;
    /// What it was compared with, if it was.
    fn compared(&self) -> &RefCell<Compared>;
}

#[derive(Default)]
struct Root {
    fs: RootFs,
    out_len: u64,
    /// Grows with each layer: the trees are others then.
    stamp: u32,
    compared: RefCell<Compared>,
}

impl Root {
    fn tree(&self, listing: &Listing) -> &Tree {
        match listing.spec().hidden {
            true => self.fs.all(),
            false => self.fs.visible(),
        }
    }

    fn told(&self, mut row: Row) -> Row {
        row.version = row.ordinal.and_then(|ordinal| self.fs.version(ordinal));
        row
    }

    /// A row of any version.
    fn row(&self, ordinal: u32) -> Option<Row> {
        listing::row(self.fs.all(), self.fs.toc(), ordinal).map(|row| self.told(row))
    }

    /// All versions of a name but one, the lowest first.
    fn others(&self, node: NodeId, but: u32) -> Vec<Row> {
        let all = self.fs.all();
        let ordinals = all.earlier(node).iter().copied().chain(all.ordinal(node));
        ordinals
            .filter(|ordinal| *ordinal != but)
            .filter_map(|ordinal| self.row(ordinal))
            .take(MAX_OTHERS)
            .collect()
    }

    /// A name that no layer shows in the end, by its last version.
    fn hidden(&self, path: &EntryPath) -> Option<Found> {
        let (all, toc) = (self.fs.all(), self.fs.toc());
        let node = listing::locate(all, toc, path.as_bytes())?;
        let ordinal = all.ordinal(node).filter(|_| !all.is_dir(node, toc))?;
        Some(Found::Entry {
            row: self.row(ordinal)?,
            others: self.others(node, ordinal),
            target: None,
        })
    }
}

impl Merged for Root {
    fn lay(&mut self, toc: &Toc, out_len: u64) -> Laid {
        let laid = self.fs.lay(toc, SLICE);
        if laid == Laid::Whole {
            self.out_len = self.out_len.saturating_add(out_len);
        }
        // What was left out may have been listed with what is hidden.
        self.stamp += u32::from(matches!(laid, Laid::LeftOut(_)));
        laid
    }

    fn update(&mut self) {
        self.stamp += u32::from(self.fs.update());
    }

    fn give_up(&mut self) {
        self.stamp += u32::from(self.fs.give_up());
    }

    fn toc(&self) -> &Toc {
        self.fs.toc()
    }

    fn out_len(&self) -> u64 {
        self.out_len
    }

    fn part_of(&self, ordinal: u32) -> Option<(usize, u32)> {
        let file = self.fs.toc().hardlink_target(ordinal).unwrap_or(ordinal);
        let version = self.fs.version(file)?;
        Some((usize::from(version.layer), version.ordinal))
    }

    fn file_at(&self, path: &EntryPath) -> Option<u32> {
        let tree = self.fs.visible();
        match tree.resolve(path.as_bytes(), true, self.fs.toc()) {
            Resolved::Node(node) => tree.ordinal(node),
            _ => self.fs.all().ordinal(self.fs.all().find(path.as_bytes())?),
        }
    }

    fn refresh(&self, listing: &mut Listing) -> bool {
        let hidden = listing.spec().hidden;
        let mut query = query(listing);
        let mut choose = |ordinal: u32, path: &[u8]| {
            let listed = self.fs.version(ordinal).is_some_and(|v| match v.fate {
                Fate::Visible => true,
                _ => hidden,
            });
            listed && query.matches(&self.fs, ordinal, path)
        };
        listing.refresh_by(self.tree(listing), self.fs.toc(), self.stamp, &mut choose)
    }

    fn info(&self, listing: &Listing, complete: bool) -> ViewInfo {
        let tree = self.tree(listing);
        let mut info = listing.info(tree, self.fs.toc(), complete);
        info.problem = query(listing).problem().map(str::to_owned);
        if matches!(info.found, Found::Missing { .. })
            && let Some(hidden) = self.hidden(&listing.spec().at)
        {
            info.found = hidden;
            return info;
        }
        info.found = match info.found {
            Found::Directory { row } => Found::Directory {
                row: row.map(|row| self.told(row)),
            },
            Found::Entry { row, target, .. } => {
                let node = self.fs.all().find(row.path.as_bytes());
                let others = node.zip(row.ordinal);
                Found::Entry {
                    others: others.map_or(Vec::new(), |(node, o)| self.others(node, o)),
                    target: target.map(|target| match target {
                        Target::Entry(row) => Target::Entry(self.told(row)),
                        other => other,
                    }),
                    row: self.told(row),
                }
            }
            missing => missing,
        };
        info
    }

    fn rows(&self, listing: &Listing, range: Range<u32>) -> Vec<Row> {
        let rows = listing.rows(self.tree(listing), self.fs.toc(), range.start, range.end);
        rows.into_iter().map(|row| self.told(row)).collect()
    }

    fn position(&self, listing: &Listing, path: &EntryPath) -> Option<u32> {
        listing.position(self.tree(listing), self.fs.toc(), path.as_bytes())
    }

    fn root(&self) -> &RootFs {
        &self.fs
    }

    fn compared(&self) -> &RefCell<Compared> {
        &self.compared
    }
}

/// What a listing looks for.
fn query(listing: &Listing) -> Query {
    match &listing.spec().mode {
        ViewMode::Search(text) => Query::new(text),
        ViewMode::Dir | ViewMode::Flat => Query::new(""),
    }
}

/// Opens all layers and lays them one over the other.
pub(super) async fn open<P: Ports>(
    session: &Inner<P>,
    job: &Rc<Job<P>>,
    sources: Vec<u8>,
    access: Access,
) -> Result<(), ExploreError> {
    // Of this build, or it would not have come so far.
    let sources: Vec<LayerSource> = postcard::from_bytes(&sources).unwrap_or_default();
    let count = sources.len() as u32; // bounded by the manifest's size
    let parts: Vec<Rc<Job<P>>> = sources
        .into_iter()
        .map(|source| {
            let mut part = Job::new(job.id(), source, &access, job.ports.clone());
            part.soci = job.soci.clone();
            part.layer = RefCell::new(job.layer.borrow().part());
            let whole = Rc::downgrade(job);
            part.set_on_progress(Box::new(move || {
                if let Some(whole) = whole.upgrade() {
                    gather(&whole);
                    whole.tick();
                }
            }));
            Rc::new(part)
        })
        .collect();
    let size = parts.iter().map(|part| part.source.size).sum();
    job.set_parts(parts.clone());
    job.layer.borrow_mut().set_merged(Box::new(Root::default()));
    job.advance(|progress| {
        progress.phase = Phase::Streaming;
        progress.size = size;
        progress.layers = Some((0, count));
    });
    let mut waiting = parts.iter();
    let mut running: Vec<Local<'_, ()>> = Vec::new();
    let mut merged = 0;
    while let Some(next) = parts.get(merged) {
        if next.is_growing() {
            while running.len() < STREAMS
                && let Some(part) = waiting.next()
            {
                running.push(Box::pin(stream::open(session, part)));
            }
            let come = one_of(&mut running);
            let stale = job.layer.borrow().is_stale();
            match stale {
                // Nothing may come for long, and what is here is to be seen before.
                true => {
                    race(come, job.ports.sleep_ms(LOOK_AGAIN_MS)).await;
                }
                false => come.await,
            }
            job.tick();
            continue;
        }
        if next.progress.borrow().phase != Phase::Done {
            let told = problem_of(next, merged, count);
            job.advance(|progress| {
                progress.phase = Phase::Failed;
                progress.problem = told;
            });
            return Ok(());
        }
        if let Laid::LeftOut(why) = lay(job, next).await {
            let told = left_out(why, merged, count);
            job.advance(|progress| {
                progress.phase = Phase::Failed;
                progress.problem = Some(told);
            });
            return Ok(());
        }
        let damage = problem_of(next, merged, count);
        let verified = next.progress.borrow().verified;
        merged += 1;
        gather(job);
        job.note(|progress| {
            progress.problem = progress.problem.take().or(damage);
            progress.layers = Some((merged as u32, count));
            progress.verified = match merged {
                1 => verified,
                _ => progress.verified.min(verified),
            };
        });
        job.ports.yield_now().await;
    }
    gather(job);
    job.advance(|progress| {
        progress.phase = Phase::Done;
        if count == 0 {
            progress.verified = Verified::Blob; // the manifest itself says that there is nothing
        }
    });
    Ok(())
}

/// A layer that is being laid over the others. If that is given up, nothing of it stays.
struct Laying<'a, P: Ports>(&'a Job<P>);

impl<P: Ports> Drop for Laying<'_, P> {
    fn drop(&mut self) {
        self.0.layer.borrow_mut().give_up_layer();
    }
}

/// Lays a layer over those below it.
async fn lay<P: Ports>(job: &Job<P>, part: &Job<P>) -> Laid {
    let _laying = Laying(job);
    loop {
        let laid = {
            let layer = part.layer.borrow();
            let mut whole = job.layer.borrow_mut();
            whole.lay(layer.toc(), layer.out_len())
        };
        if laid != Laid::Part {
            return laid;
        }
        job.ports.yield_now().await;
    }
}

/// A layer does not fit over the others.
fn left_out(why: NoRoom, index: usize, count: u32) -> Problem {
    Problem::new(
        "ROOT_TOO_LARGE",
        "Not all layers could be laid one over the other",
        format!("Layer {} of {count}: {why}", index + 1),
        "What is shown is of the layers before it. Open the others one by one, from the image's page.",
    )
}

/// What is wrong with a layer, by its place.
fn problem_of<P: Ports>(part: &Job<P>, index: usize, count: u32) -> Option<Problem> {
    let progress = part.progress.borrow();
    let mut problem = progress.problem.clone()?;
    problem.cause = format!("Layer {} of {count}: {}", index + 1, problem.cause);
    Some(problem)
}

/// Runs futures until one of them has ended, which is taken out.
async fn one_of(running: &mut Vec<Local<'_, ()>>) {
    poll_fn(|context| {
        let before = running.len();
        running.retain_mut(|future| future.as_mut().poll(context).is_pending());
        match running.len() < before || before == 0 {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}

/// Adds up how the layers stand.
fn gather<P: Ports>(job: &Job<P>) {
    let mut sum = (0_u64, 0.0_f64, true, None);
    for part in job.parts() {
        let p = part.progress.borrow();
        // One that is here without having been read counts as read.
        let received = match p.phase {
            Phase::Done => part.source.size.or(p.size).unwrap_or(p.received),
            _ => p.received,
        };
        sum.0 = sum.0.saturating_add(received);
        sum.1 = sum.1.max(p.elapsed_ms);
        sum.2 &= p.from_store;
        sum.3 = sum.3.take().or_else(|| p.note.clone());
    }
    let mut progress = job.progress.borrow_mut();
    (progress.received, progress.elapsed_ms) = (sum.0, sum.1);
    (progress.from_store, progress.note) = (sum.2, sum.3);
}

/// Bytes of one of a package database's files; Debian's largest is some MiB.
const MAX_DATABASE: u64 = 64 << 20;

/// What a file of a package database is.
pub(super) enum Part {
    DpkgStatus,
    DpkgList(Vec<u8>),
    Apk,
}

/// Reads what is installed.
async fn packages<P: Ports>(job: &Job<P>) -> PackagesAnswer {
    let files = match job.layer.borrow().merged() {
        Some(merged) => database(merged.root()),
        None => Vec::new(),
    };
    let mut packages = Packages::default();
    let mut problem = None;
    for (part, ordinal) in files {
        let bytes = match read_whole(job, ordinal).await {
            Ok(bytes) => bytes,
            Err(error) => {
                problem = Some(Problem::from(&error).cause);
                break;
            }
        };
        let layer = job.layer.borrow();
        let Some(merged) = layer.merged() else {
            break;
        };
        match part {
            Part::DpkgStatus => packages.add_dpkg_status(&bytes),
            Part::DpkgList(name) => packages.add_dpkg_list(merged.root(), &name, &bytes),
            Part::Apk => packages.add_apk(merged.root(), &bytes),
        }
    }
    let layer = job.layer.borrow();
    match layer.merged() {
        Some(merged) => PackagesAnswer {
            problem,
            ..PackagesAnswer::of(&packages, merged.root())
        },
        None => PackagesAnswer::default(),
    }
}

/// The files of all package databases: stanzas before lists, lists in the archive's order.
pub(super) fn database(root: &RootFs) -> Vec<(Part, u32)> {
    let name = |ordinal: u32| {
        let path = root.toc().path(ordinal).unwrap_or_default();
        let at = path.iter().rposition(|b| *b == b'/').map_or(0, |at| at + 1);
        path[at..].to_vec()
    };
    let mut out = Vec::new();
    let status = packages::file_at(root, DPKG_STATUS);
    out.extend(status.map(|ordinal| (Part::DpkgStatus, ordinal)));
    let mut lists = packages::files_in(root, DPKG_INFO);
    // With lists, the digests say the same again.
    lists.retain(|ordinal| name(*ordinal).ends_with(b".list"));
    for ordinal in packages::files_in(root, DPKG_STATUS_D) {
        match packages::dpkg_list(&name(ordinal)) {
            Some(_) => lists.push(ordinal),
            None => out.push((Part::DpkgStatus, ordinal)),
        }
    }
    out.extend(lists.into_iter().map(|o| (Part::DpkgList(name(o)), o)));
    let apk = APK_INSTALLED
        .iter()
        .find_map(|path| packages::file_at(root, path));
    out.extend(apk.map(|ordinal| (Part::Apk, ordinal)));
    out
}

/// All bytes of a file of a package database.
pub(super) async fn read_whole<P: Ports>(
    job: &Job<P>,
    ordinal: u32,
) -> Result<Vec<u8>, ExploreError> {
    let mut bytes = Vec::new();
    let mut take = |piece: &[u8]| {
        bytes.extend_from_slice(piece);
        Ok(())
    };
    read::pump_whole(job, ordinal, MAX_DATABASE, &mut take).await?;
    Ok(bytes)
}

/// Answers what only such a job knows, about the layers that are here.
pub(super) async fn answer<P: Ports>(job: &Job<P>, read: ReadId, ask: Vec<u8>) {
    let Ok(ask) = postcard::from_bytes::<RootAsk>(&ask) else {
        return; // of another build, which was told so
    };
    job.settle();
    if ask == RootAsk::Packages {
        // Given up when the job is closed.
        if let Ok(answer) = job.stop.guard(packages(job)).await {
            tell(job, read, &RootAnswer::Packages(answer));
        }
        return;
    }
    if let RootAsk::Compare(ask) = ask {
        if let Ok(Some(answer)) = job.stop.guard(compare::answer(job, ask)).await {
            tell(job, read, &RootAnswer::Compare(answer));
        }
        return;
    }
    let answer = {
        let layer = job.layer.borrow();
        let Some(merged) = layer.merged() else {
            return;
        };
        match ask {
            RootAsk::Layers => RootAnswer::Layers(merged.root().layer_facts()),
            RootAsk::Sizes { at } => RootAnswer::Sizes(merged.root().sizes(&at)),
            RootAsk::Packages | RootAsk::Compare(_) => return, // answered above
            RootAsk::Waste => {
                let parts = job.parts();
                let here = merged.root().layers().len();
                let layers: Vec<_> = parts.iter().take(here).map(|p| p.layer.borrow()).collect();
                let tocs = layers.iter().map(|layer| layer.toc());
                RootAnswer::Waste(Waste::of(tocs, MAX_WASTE).into())
            }
        }
    };
    tell(job, read, &answer);
}

pub(super) fn tell<P: Ports>(job: &Job<P>, read: ReadId, answer: &RootAnswer) {
    // Each of its parts can be packed.
    if let Ok(packed) = postcard::to_allocvec(answer) {
        let job_id = job.id();
        job.send(Event::Root { job: job_id, read }, Some(packed));
    }
}
