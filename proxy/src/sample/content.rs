//! Readable content for the sample: texts about what one is looking at, tables, greetings.

use std::fmt::Write;

/// Lines of the long file.
const NUMBERS: u32 = 12_000;

pub(super) const OS_RELEASE: &str = "NAME=\"Layerscope Sample\"\nID=layerscope-sample\nVERSION_ID=1\nPRETTY_NAME=\"Layerscope Sample 1 (Looking Glass)\"\nHOME_URL=\"https://example.org/\"\n";

pub(super) const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\nhello:x:1000:1000:A friendly user:/home/hello:/bin/sh\n";

pub(super) const GROUP: &str = "root:x:0:\nhello:x:1000:\nnogroup:x:65534:\n";

pub(super) const MOTD: &str = "This message is in the first layer only: a later layer removes it.\nIn the merged file system it is gone; in this layer it is still here, and still downloaded.\n";

pub(super) const GREET: &str = "#!/bin/sh\n# Greets in the language of LANG, or in English.\nset -eu\n\ndir=/usr/share/hello/greetings\nlang=\"${LANG:-en}\"\nlang=\"${lang%%[_.]*}\"\n\nif [ -r \"$dir/$lang.txt\" ]; then\n    exec cat \"$dir/$lang.txt\"\nfi\nexec cat \"$dir/en.txt\"\n";

pub(super) const SETUID: &str =
    "#!/bin/sh\n# Mode 4755: ls -l shows rws. (The kernel ignores the bit on scripts.)\nid -u\n";

/// Language code, its name, a greeting in it.
const GREETINGS: [(&str, &str, &str); 44] = [
    ("af", "Afrikaans", "Hallo, wêreld"),
    ("ar", "Arabic", "مرحبا بالعالم"),
    ("bg", "Bulgarian", "Здравей, свят"),
    ("bn", "Bengali", "ওহে বিশ্ব"),
    ("ca", "Catalan", "Hola, món"),
    ("cs", "Czech", "Ahoj, světe"),
    ("cy", "Welsh", "Helo, byd"),
    ("da", "Danish", "Hej, verden"),
    ("de", "German", "Hallo, Welt"),
    ("el", "Greek", "Γειά σου, κόσμε"),
    ("en", "English", "Hello, world"),
    ("eo", "Esperanto", "Saluton, mondo"),
    ("es", "Spanish", "Hola, mundo"),
    ("et", "Estonian", "Tere, maailm"),
    ("eu", "Basque", "Kaixo, mundua"),
    ("fa", "Persian", "سلام دنیا"),
    ("fi", "Finnish", "Hei, maailma"),
    ("fr", "French", "Bonjour, le monde"),
    ("ga", "Irish", "Dia duit, a dhomhain"),
    ("gl", "Galician", "Ola, mundo"),
    ("he", "Hebrew", "שלום עולם"),
    ("hi", "Hindi", "नमस्ते दुनिया"),
    ("hr", "Croatian", "Pozdrav, svijete"),
    ("hu", "Hungarian", "Helló, világ"),
    ("hy", "Armenian", "Բարեւ, աշխարհ"),
    ("id", "Indonesian", "Halo, dunia"),
    ("is", "Icelandic", "Halló, heimur"),
    ("it", "Italian", "Ciao, mondo"),
    ("ja", "Japanese", "こんにちは、世界"),
    ("ka", "Georgian", "გამარჯობა, სამყარო"),
    ("ko", "Korean", "안녕하세요, 세계"),
    ("lt", "Lithuanian", "Sveikas, pasauli"),
    ("lv", "Latvian", "Sveika, pasaule"),
    ("nl", "Dutch", "Hallo, wereld"),
    ("no", "Norwegian", "Hei, verden"),
    ("pl", "Polish", "Witaj, świecie"),
    ("pt", "Portuguese", "Olá, mundo"),
    ("ro", "Romanian", "Salut, lume"),
    ("sv", "Swedish", "Hej, världen"),
    ("sw", "Swahili", "Habari, dunia"),
    ("th", "Thai", "สวัสดีชาวโลก"),
    ("tr", "Turkish", "Merhaba, dünya"),
    ("uk", "Ukrainian", "Привіт, світе"),
    ("zh", "Chinese", "你好，世界"),
];

/// File name and text of each greeting.
pub(super) fn greetings() -> impl Iterator<Item = (String, String)> {
    GREETINGS
        .iter()
        .map(|(code, name, text)| (format!("{code}.txt"), format!("{text}\n\n({name})\n")))
}

/// All greetings as JSON, one line each.
pub(super) fn greetings_json() -> String {
    let mut text = String::from("{\n");
    for (at, (code, _, greeting)) in GREETINGS.iter().enumerate() {
        let comma = if at + 1 < GREETINGS.len() { "," } else { "" };
        // Writing into a String cannot fail.
        writeln!(text, "  \"{code}\": \"{greeting}\"{comma}").ok();
    }
    text + "}\n"
}

/// File name and text of short documents about layers.
pub(super) const DOCS: [(&str, &str); 8] = [
    (
        "README.md",
        "# The sample image\n\nMade by Layerscope's proxy itself, so that there is something to look at without any network.\nIts layers show what real images have: removed files, replaced directories, links, odd names.\n\n- `layers.md` says what a layer is\n- `whiteouts.md` says how files disappear\n- `../../hello/greetings/` has a file for each of 44 languages\n- `../../tables/` has a hundred small files\n- `../../dict/numbers` is the long one\n",
    ),
    (
        "layers.md",
        "# Layers\n\nAn image is a list of layers. Each is a tar archive, mostly compressed by gzip, and is named by the\nSHA-256 of its compressed bytes. The config names the SHA-256 of the uncompressed bytes too: the diff ID.\nUnpacked one over another they make the root file system.\n",
    ),
    (
        "whiteouts.md",
        "# Whiteouts\n\nA layer can only add. To remove `etc/motd`, it adds an empty file `etc/.wh.motd`.\nTo remove all that lower layers have in a directory, it adds `.wh..wh..opq` to it: the directory is opaque.\nThe bytes of what is removed stay in the lower layer, and are still downloaded.\n",
    ),
    (
        "gzip.md",
        "# Why a file in the middle is hard to reach\n\ngzip refers back up to 32 KiB, so that nothing can be read without what stands before it.\nSave the inflater's state once in a while, with those 32 KiB, and reading can start there:\nmark the places while the layer streams by for the first time, and every later read is small.\n",
    ),
    (
        "tar.md",
        "# tar\n\nA header of 512 bytes, then the content filled up to the next 512, and so on until two empty blocks.\nThere is no list of contents: to know what is inside, one reads all of it.\n",
    ),
    (
        "links.md",
        "# Links\n\nA symbolic link names another path, which may be missing, or lead in a circle (see `../../loops/`).\nA hard link is a second name for a file that the archive already had.\n",
    ),
    (
        "digests.md",
        "# Digests\n\nEverything in a registry but tags is named by what it is. Whoever fetches it can check it,\nand does not have to trust the way that it came.\n",
    ),
    (
        "referrers.md",
        "# Referrers\n\nSignatures, attestations and lists of contents are manifests that name their subject.\nThe amd64 manifest of this image has one: a list of packages in the SPDX form.\n",
    ),
];

/// The times table of one number.
pub(super) fn times_table(number: u32) -> String {
    let mut text = format!("The table of {number}\n\n");
    for factor in 1..=20 {
        writeln!(text, "{factor:>4} x {number:<4} = {:>6}", factor * number).ok();
    }
    text
}

/// Numbers in words: a text of several hundred kilobytes that is easy to check by eye.
pub(super) fn numbers() -> String {
    let mut text = String::new();
    for number in 1..=NUMBERS {
        writeln!(text, "{number}\t{}", words(number)).ok();
    }
    text
}

fn words(number: u32) -> String {
    const SMALL: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 10] = [
        "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
    ];
    let join = |head: String, rest: u32, between: &str| match rest {
        0 => head,
        rest => format!("{head}{between}{}", words(rest)),
    };
    match number {
        0..=19 => SMALL[number as usize].to_owned(),
        20..=99 => join(TENS[(number / 10) as usize].to_owned(), number % 10, "-"),
        100..=999 => join(
            format!("{} hundred", words(number / 100)),
            number % 100,
            " and ",
        ),
        _ => join(
            format!("{} thousand", words(number / 1000)),
            number % 1000,
            " ",
        ),
    }
}

pub(super) const PLANETS: &str = "{\n  \"planets\": [\n    {\"name\": \"Mercury\", \"moons\": 0, \"days\": 87.97},\n    {\"name\": \"Venus\", \"moons\": 0, \"days\": 224.7},\n    {\"name\": \"Earth\", \"moons\": 1, \"days\": 365.26},\n    {\"name\": \"Mars\", \"moons\": 2, \"days\": 686.98},\n    {\"name\": \"Jupiter\", \"moons\": 95, \"days\": 4332.59},\n    {\"name\": \"Saturn\", \"moons\": 146, \"days\": 10759.22},\n    {\"name\": \"Uranus\", \"moons\": 28, \"days\": 30688.5},\n    {\"name\": \"Neptune\", \"moons\": 16, \"days\": 60195}\n  ]\n}\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_words() {
        assert_eq!(words(7), "seven");
        assert_eq!(words(40), "forty");
        assert_eq!(words(115), "one hundred and fifteen");
        assert_eq!(
            words(11_999),
            "eleven thousand nine hundred and ninety-nine"
        );
        assert!(numbers().len() > 300_000);
    }

    #[test]
    fn greetings_are_valid_json() {
        let value: serde_json::Value = serde_json::from_str(&greetings_json()).unwrap();
        assert_eq!(value["de"], "Hallo, Welt");
    }
}
