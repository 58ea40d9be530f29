use proptest::prelude::*;

use super::*;

#[test]
fn one_key_for_the_ways_people_write() {
    // Every line is one name or word, written in several ways.
    let same: &[&[&str]] = &[
        &["علي كريمي", "علی کریمی", "عَلِیّ‌ کـــریمی", "  علی\u{200f}   کریمی\u{200e} "],
        &["می\u{200c}خواهم", "می خواهم", "میخواهم", "مي\u{200c}خواهم"],
        &["نمی\u{200c}دانم", "نمی دانم", "نمیدانم"],
        &["کتاب\u{200c}ها", "کتاب ها", "کتابها", "كتاب ها"],
        &["بزرگ\u{200c}ترین", "بزرگ ترین", "بزرگترین"],
        &["خانه\u{200c}های", "خانه های", "خانة های"],
        &["علی\u{200c}رضا", "علیرضا"],
        &["آرزو", "ارزو", "أرزو", "إرزو", "ٱرزو"],
        &["مؤمن", "مومن"],
        &["رئیس", "رییس", "رئيس"],
        &["فاطمة", "فاطمه", "فاطمۀ"],
        &["امضاء", "امضا"],
        &["موسى", "موسی", "موسي"],
        &["\u{fefb}\u{fe8e}", "لاا"], // presentation forms
        &["Łódź", "lodz", "ŁÓDŹ", "Lo\u{301}dz\u{301}"],
        &["Zażółć gęślą jaźń", "ZAZOLC GESLA JAZN"],
        &["Straße", "STRASSE", "STRAẞE", "strasse"],
        &["Ærø", "aero", "ÆRØ"],
        &["Œuvre", "oeuvre"],
        &["Þórr", "thorr"],
        &["Đorđe", "dorde"],
        &["Işık", "ışık", "isik", "IŞIK", "İsik"],
        &["Οδυσσεύς", "ΟΔΥΣΣΕΥΣ", "οδυσσευσ"],
        &["O'Brien", "O’Brien", "O`Brien", "O´Brien", "OʼBrien", "obrien", "O＇Brien"],
        &["שָׁלוֹם", "שלום", "שלומ"],
        &["בְּרֵאשִׁ֖ית", "בראשית"],
        &["צה\"ל", "צה״ל", "צהל", "צה”ל"],
        &["ג׳ירפה", "ג'ירפה", "גירפה"],
        &["בן־גוריון", "בן-גוריון", "בן גוריון"],
        &["Anna-Maria", "anna maria", "Anna\u{2014}Maria", "ANNA\tMARIA\n", "anna\u{200b}maria", "anna\0maria"],
        &["ﬁne ＡＢＣ １２", "fine abc 12", "fine ABC ۱۲", "fine abc ١٢"],
        &["K", "k", "K"],
        &["ŉ", "n", "'n"],
        &["🌸 Sara 🌸", "sara"],
        &["", " ", "\u{200c}", "-—!", "\u{3164}", "🌸"],
    ];
    for group in same {
        let keys: Vec<_> = group.iter().map(|text| fold(text)).collect();
        assert!(keys.windows(2).all(|pair| pair[0] == pair[1]), "{group:?} -> {keys:?}");
    }
    // And these are told apart.
    for (a, b) in
        [("علی رضا", "علیرضا"), ("がき", "かき"), ("anna maria", "annamaria"), ("12", "123"), ("می 12", "می12")]
    {
        assert_ne!(fold(a), fold(b));
    }
}

#[test]
fn keys_as_they_are_stored() {
    for (text, key) in [
        ("Zażółć gęślą jaźń", "zazolc gesla jazn"),
        ("می\u{200c}خواهم", "میخواهم"),
        ("لباس‌های آبي", "لباسهای ابی"),
        ("ي ك ة", "ی ک ه"),
        ("Cena: 1 234,50 zł", "cena 1 234 50 zl"),
        ("C++ & C#", "c c"),
        ("שָׁלוֹם", "שלומ"),
        ("م‌ی", "می"),
        ("می", "می"),
        ("ها", "ها"),
        ("abc ها", "abc ها"),
    ] {
        assert_eq!(fold(text), key, "{text:?}");
    }
}

#[test]
fn digits_of_three_alphabets() {
    assert_eq!(fold_digits("۰۱۲۳۴۵۶۷۸۹ ٠١٢٣٤٥٦٧٨٩ ０１２３４５６７８９ ½"), "0123456789 0123456789 0123456789 ½");
    assert_eq!(digits("IR-۰۱ ٢ x3²"), "0123");
}

#[test]
fn every_character_folds_to_a_fixed_point() {
    // The planes between hold ideographs only, which fold to themselves, but for the compatibility ones.
    for c in ('\0'..='\u{1ffff}').chain('\u{2f800}'..='\u{2fa1f}').chain('\u{e0000}'..='\u{e0fff}') {
        let once = fold(&format!("a{c}b"));
        assert_eq!(fold(&once), once, "U+{:04X}", u32::from(c));
    }
}

#[test]
fn long_and_nasty_texts_take_linear_time() {
    let started = std::time::Instant::now();
    for part in ["a\u{301}", "\u{301}\u{316}", "\u{fdfa}", "می ", "ها ", "'", " ", "\u{5b0}\u{5c1}", "\u{94d}\u{93c}"]
    {
        let text: String = part.chars().cycle().take(100_000).collect();
        let key = fold(&text);
        assert_eq!(fold(&key), key);
    }
    assert!(started.elapsed().as_secs() < 20, "took {:?}", started.elapsed());
}

#[test]
fn naughty_strings_never_panic() {
    use crate::kernel::{email::Email, national_id::*, page::Cursor, phone::Phone};
    let own = [
        "",
        "\0",
        "﷽",
        "Ω≈ç√∫˜µ≤≥÷",
        "ﾟ･✿ヾ╲",
        "(｡◕ ∀ ◕｡)",
        "1/0",
        "\u{feff}",
        "٪",
        "+",
        "00",
        "@",
        "a@b",
        "0".repeat(300).as_str(),
    ]
    .map(String::from)
    .to_vec();
    let found: Option<Vec<String>> =
        crate::kernel::cases("security/blns.json").and_then(|v| serde_json::from_value(v).ok());
    for text in own.into_iter().chain(found.into_iter().flatten()) {
        let key = fold(&text);
        assert_eq!(fold(&key), key, "{text:?}");
        let _ = Phone::parse(&text, Some("IR"));
        let _ = Phone::parse(&text, None);
        let _ = Phone::parse("0912", Some(&text));
        let _ = Email::parse(&text);
        let _ = Cursor::decode(&text);
        for kind in NationalIdKind::ALL {
            let _ = NationalId::parse(kind, &text);
        }
    }
}

/// Any text at all, and texts rich in what is folded.
fn texts() -> impl Strategy<Value = String> {
    let rich = prop::sample::select(
        "می نمی ها های تر علی كيىةؤئأإآٱءـ\u{200c}\u{200d}\u{64e}\u{651}\u{94d}\u{93c}\u{3099}\u{301}\u{316}שםךָ״'\" -ßẞłŁİıIſςΣaéK1۲٣"
            .chars()
            .collect::<Vec<_>>(),
    );
    let text = |chars: BoxedStrategy<char>| prop::collection::vec(chars, 0..40).prop_map(|v| v.into_iter().collect());
    let affixes = prop::collection::vec(
        prop::sample::select(vec!["می", "نمی", "ها", "تر", "ترین", "کتاب", "a", "1", "ه", "ا"]),
        0..8,
    );
    prop_oneof![text(any::<char>().boxed()), text(rich.boxed()), affixes.prop_map(|v| v.join(" "))]
}

proptest! {
    #[test]
    fn folding_is_idempotent(text in texts()) {
        let key = fold(&text);
        prop_assert_eq!(fold(&key), key);
    }

    #[test]
    fn a_key_is_words_with_single_spaces(text in texts()) {
        let key = fold(&text);
        prop_assert_eq!(words(&key).collect::<Vec<_>>().join(" "), key.as_str());
        prop_assert!(key.chars().all(|c| c == ' ' || is_word_char(c)), "{key:?}");
    }

    #[test]
    fn case_and_composition_do_not_matter(text in texts()) {
        let nfc = icu_normalizer::ComposingNormalizerBorrowed::new_nfc().normalize(&text).into_owned();
        prop_assert_eq!(fold(&nfc), fold(&text));
    }

    #[test]
    fn digits_are_the_digits_of_folded_digits(text in texts()) {
        let expected: String = fold_digits(&text).chars().filter(char::is_ascii_digit).collect();
        prop_assert_eq!(digits(&text), expected);
    }
}
