//! Help: what this is, what is checked, the keys.

use leptos::prelude::*;

use crate::browser::page;

const KEYS: [(&str, &str); 6] = [
    ("↑ ↓ Page Home End", "move in a list"),
    ("Enter or →", "open what is marked"),
    ("Backspace or ←", "one directory up"),
    ("/", "search in the layer"),
    ("Tab", "from the list to the next control"),
    ("Alt ←", "back, as everywhere in the browser"),
];

/// The page.
#[component]
pub fn Help() -> impl IntoView {
    view! {
        <div class="prose stack help">
            <h1>"Help"</h1>
            <section class="stack tight">
                <h2>"What happens when you open something"</h2>
                <p>
                    "The manifest comes from the registry by way of a small proxy, because most registries do not let "
                    "a web page ask them. A layer is streamed once, unpacked and listed in this tab, and the list is kept. "
                    "From then on a file is read by fetching only the few kilobytes of the layer in which it lies."
                </p>
            </section>
            <section class="stack tight">
                <h2>"What “verified” means"</h2>
                <ul>
                    <li>"A manifest, a configuration: the bytes match the digest by which they are named."</li>
                    <li>"A layer's list: the whole layer came in and matched its digest."</li>
                    <li>"A file read later: each piece fetched matched a digest kept from that pass."</li>
                    <li>"“No digest to compare with”: a file of your own computer that nothing vouches for; checksums inside it were checked."</li>
                    <li>"“Not verified yet”: the layer is still coming in. What does not match is marked, and never kept."</li>
                </ul>
                <p>"It does not mean that somebody trustworthy made the image: signatures are another matter."</p>
            </section>
            <section class="stack tight" aria-labelledby="keys">
                <h2 id="keys">"Keys"</h2>
                <dl class="facts">
                    {KEYS
                        .map(|(keys, what)| view! { <dt><kbd>{keys}</kbd></dt><dd>{what}</dd> })
                        .collect_view()}
                </dl>
            </section>
            <section class="stack tight">
                <h2>"What stays here"</h2>
                <p>
                    "What you open stands in the part of the address after #, which browsers do not send to the server of this page. "
                    "Files of your own computer are read in this tab and sent nowhere. "
                    "Passwords are held in this tab's memory alone. Stored lists can be seen and removed on the "
                    <a href="#/settings">"settings page"</a>"."
                </p>
            </section>
            <section class="stack tight">
                <h2>"Specifications"</h2>
                <ul>
                    <li><a href="https://github.com/opencontainers/image-spec" rel="noopener noreferrer">"OCI image specification"</a></li>
                    <li><a href="https://github.com/opencontainers/distribution-spec" rel="noopener noreferrer">"OCI distribution specification"</a></li>
                </ul>
            </section>
            <p class="muted small">"Build "<code>{page::build_id()}</code></p>
        </div>
    }
}
