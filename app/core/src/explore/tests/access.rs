//! A sign-in that runs out while a worker reads.

use std::cell::RefCell;
use std::rc::Rc;

use super::world::*;
use crate::job::{Access, Event, Request};
use crate::port::memory::{Answer, MemoryStore};
use crate::registry::client::{Credentials, Kind};

fn access(password: &str) -> Access {
    let credentials = Credentials {
        username: String::new(),
        password: password.into(),
        kind: Kind::Bearer,
        in_clear: false,
    };
    Access {
        authorization: None,
        credentials: Some(credentials),
        renewed: true,
    }
}

/// A registry that takes one token at a time.
fn world(blob: &Blob, good: &Rc<RefCell<String>>) -> World {
    let (blob, good) = (blob.clone(), good.clone());
    World::new(&MemoryStore::default(), move |request| {
        let sent = request.header("authorization").unwrap_or_default();
        match sent == format!("Bearer {}", good.borrow()) {
            true => Ok(serve(&blob, request)),
            false => Ok(Answer::status(401).header("WWW-Authenticate", "Basic")),
        }
    })
}

fn asked(world: &World) -> usize {
    let told = world.told();
    told.iter()
        .filter(|event| matches!(event, Event::Renew { job: 1, .. }))
        .count()
}

#[test]
fn the_page_is_asked_and_the_read_goes_on() {
    let blob = layer();
    let good = Rc::new(RefCell::new("one".to_owned()));
    let mut world = world(&blob, &good);
    world.post(Request::Open {
        job: 1,
        source: World::source(&blob, Some(blob.len())),
        access: access("one"),
    });
    world.run();
    assert_eq!(asked(&world), 0);
    let (noise, bytes) = file("usr/share/noise.bin");

    "two".clone_into(&mut good.borrow_mut());
    world.read(2, noise, 100_000, 1_000);
    world.read(3, noise, 2_900_000, 100);
    world.run_until(|world| asked(world) > 0);
    for _ in 0..10 {
        world.turn();
    }
    assert!(world.answer(2).is_none(), "it waits for the page");
    world.post(Request::Access {
        job: 1,
        access: access("two"),
    });
    world.run();
    assert_eq!(world.content(2).unwrap().bytes, bytes[100_000..101_000]);
    assert_eq!(world.content(3).unwrap().bytes, bytes[2_900_000..2_900_100]);

    // The page has nothing new either.
    "three".clone_into(&mut good.borrow_mut());
    let before = asked(&world);
    world.read(4, noise, 1_000_000, 100);
    world.run_until(|world| asked(world) > before);
    world.post(Request::Access {
        job: 1,
        access: access("two"),
    });
    world.run();
    assert_eq!(world.content(4).unwrap_err().code, "CREDENTIALS_REFUSED");
    // Signed out meanwhile: nothing is asked any more.
    let before = asked(&world);
    world.post(Request::Access {
        job: 1,
        access: Access::default(),
    });
    world.read(5, noise, 2_000_000, 100);
    world.run();
    assert_eq!(world.content(5).unwrap_err().code, "UNAUTHORIZED");
    assert_eq!(asked(&world), before);
}

/// What a page got as one person is not used once it is another's.
#[test]
fn another_person_reads_as_themselves() {
    let blob = layer();
    let sent = Rc::new(RefCell::new(Vec::new()));
    let (served, seen) = (blob.clone(), sent.clone());
    let mut world = World::new(&MemoryStore::default(), move |request| {
        let header = request.header("authorization").unwrap_or_default();
        seen.borrow_mut().push(header.to_owned());
        // Both may read.
        match header.is_empty() {
            false => Ok(serve(&served, request)),
            true => Ok(Answer::status(401).header("WWW-Authenticate", "Basic")),
        }
    });
    let of = |name: &str, authorization: Option<&str>| Access {
        authorization: authorization.map(str::to_owned),
        credentials: Some(Credentials::typed(name, "secret")),
        renewed: false,
    };
    world.post(Request::Open {
        job: 1,
        source: World::source(&blob, Some(blob.len())),
        access: of("anna", Some("Bearer of-anna")),
    });
    world.run();
    assert!(
        sent.borrow()
            .iter()
            .all(|header| header == "Bearer of-anna")
    );
    sent.borrow_mut().clear();
    world.post(Request::Access {
        job: 1,
        access: of("berta", None),
    });
    let (noise, bytes) = file("usr/share/noise.bin");
    world.read(2, noise, 100_000, 1_000);
    world.run();
    assert_eq!(world.content(2).unwrap().bytes, bytes[100_000..101_000]);
    let sent = sent.borrow();
    assert!(sent.last().unwrap().starts_with("Basic "), "{sent:?}");
    assert!(
        !sent.iter().any(|header| header.contains("anna")),
        "{sent:?}"
    );
}
