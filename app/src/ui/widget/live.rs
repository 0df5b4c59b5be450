//! Parts of a page that follow the state, behind one type: each closure in markup would otherwise
//! bring a copy of the machinery that runs it, and half of the download was such copies.

use leptos::prelude::*;

/// Built anew whenever something that `make` reads has changed.
pub fn live<V: IntoAny>(make: impl Fn() -> V + Send + 'static) -> AnyView {
    boxed(Box::new(move || make().into_any()))
}

fn boxed(make: Box<dyn Fn() -> AnyView + Send>) -> AnyView {
    (move || make()).into_any()
}

/// There while `when` holds. Its children are built anew only when that changes.
#[component]
pub fn When(
    /// The condition.
    when: impl Fn() -> bool + Send + Sync + 'static,
    /// What is there then.
    children: ChildrenFn,
) -> impl IntoView {
    boxed_when(Box::new(when), children)
}

fn boxed_when(when: Box<dyn Fn() -> bool + Send + Sync>, children: ChildrenFn) -> AnyView {
    let holds = Memo::new(move |_| when());
    live(move || match holds.get() {
        true => children(),
        false => ().into_any(),
    })
}
