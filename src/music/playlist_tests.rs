//! Do playlists of every kind say what they mean, however they are written?

use proptest::prelude::*;

use super::*;

fn read(kind: Kind, bytes: &[u8]) -> Vec<String> {
    let items = parse(kind, bytes, Path::new("/music")).unwrap();
    items.iter().map(Item::to_string).collect()
}

#[test]
fn lists_of_every_kind_and_manner_name_their_pieces() {
    let rows: &[(Kind, &[u8], &[&str])] = &[
        (
            Kind::M3u,
            b"a.mp3\nb/c.ogg\n",
            &["/music/a.mp3", "/music/b/c.ogg"],
        ),
        // Remarks, blank lines, blanks, line ends of Windows and of old Macs.
        (
            Kind::M3u,
            b"#EXTM3U\r\n#EXTINF:123,Some one - Song\r\n  one.mp3  \r\n\r\n/two.mp3\r",
            &["/music/one.mp3", "/two.mp3"],
        ),
        // A mark at the start.
        (
            Kind::M3u,
            b"\xef\xbb\xbfM\xc3\xbcller.mp3",
            &["/music/Müller.mp3"],
        ),
        // Latin-1.
        (Kind::M3u, b"M\xfcller.mp3\n", &["/music/Müller.mp3"]),
        // Windows.
        (
            Kind::M3u,
            b"Jazz\\Take Five.mp3\n",
            &["/music/Jazz/Take Five.mp3"],
        ),
        (
            Kind::M3u,
            b"http://radio.example:8000/live\nHTTPS://x/y\nfile:///srv/my%20song.mp3\n",
            &[
                "http://radio.example:8000/live",
                "HTTPS://x/y",
                "/srv/my song.mp3",
            ],
        ),
        // A percent sign in a path is one.
        (Kind::M3u, b"100%25.mp3", &["/music/100%25.mp3"]),
        (
            Kind::Pls,
            b"[playlist]\r\nNumberOfEntries=2\r\nFile2=b.mp3\r\nTitle2=B\r\nLength2=-1\r\n\
              file1 = http://radio.example/a=b\r\nVersion=2\r\n",
            &["http://radio.example/a=b", "/music/b.mp3"],
        ),
        (
            Kind::Xspf,
            b"<?xml version=\"1.0\"?><playlist version=\"1\" xmlns=\"http://xspf.org/ns/0/\">\
              <location>http://x/this.list</location><trackList>\
              <!-- <track><location>no.mp3</location></track> -->\
              <track><title>A &amp; B</title><location> file:///a%20%26%20b.mp3 </location></track>\
              <track\n id=\"2\"><location>c&#x20;&amp;d%c3%bc.mp3</location></track>\
              <track><title>nowhere</title></track>\
              <track><location><![CDATA[http://x/?a&b]]></location></track>\
              </trackList></playlist>",
            &["/a & b.mp3", "/music/c &dü.mp3", "http://x/?a&b"],
        ),
        (
            Kind::M3u,
            b"file://localhost/x.mp3\nfile:/y.mp3",
            &["/x.mp3", "/y.mp3"],
        ),
    ];
    for (kind, bytes, expected) in rows {
        let wrong = String::from_utf8_lossy(bytes);
        assert_eq!(read(*kind, bytes), *expected, "{wrong}");
    }
}

#[test]
fn the_name_of_a_latin_1_list_is_kept_as_it_stands_too() {
    let items = parse(Kind::M3u, b"M\xfcller.mp3\n", Path::new("/music")).unwrap();
    let raw = OsString::from_vec(b"/music/M\xfcller.mp3".to_vec());
    let expected = Item::Path {
        path: "/music/Müller.mp3".into(),
        raw: Some(raw.into()),
    };
    assert_eq!(items, [expected]);
}

#[test]
fn a_password_in_an_address_is_not_shown() {
    let shown = |address: &str| Item::Address(address.to_owned()).to_string();
    let secret = "https://me:secret@radio.example:8000/a@b?c";
    assert_eq!(shown(secret), "https://radio.example:8000/a@b?c");
    assert_eq!(shown("http://radio.example"), "http://radio.example");
}

#[test]
fn a_list_of_nothing_and_one_of_segments_are_told_apart() {
    let error = |bytes: &[u8]| parse(Kind::M3u, bytes, Path::new("/")).unwrap_err();
    assert_eq!(error(b"#EXTM3U\n"), NotAPlaylist::Empty);
    let hls = b"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6\nseg1.ts\n";
    assert_eq!(error(hls), NotAPlaylist::Hls);
}

#[test]
fn kinds_are_known_by_name_and_by_media_type() {
    assert_eq!(Kind::of_name(Path::new("/a/B.M3U8")), Some(Kind::M3u));
    assert_eq!(Kind::of_name(Path::new("x.pls")), Some(Kind::Pls));
    assert_eq!(Kind::of_name(Path::new("x.mp3")), None);
    let pls = Kind::of_media_type("audio/x-scpls; charset=utf-8");
    assert_eq!(pls, Some(Kind::Pls));
    assert_eq!(Kind::of_media_type("audio/mpeg"), None);
}

proptest! {
    /// Whatever stands in a list, reading it ends and names no empty address.
    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for kind in [Kind::M3u, Kind::Pls, Kind::Xspf] {
            let items = parse(kind, &bytes, Path::new("/music"));
            prop_assert!(items.is_err() || items.is_ok_and(|items| !items.is_empty()));
        }
    }

    #[test]
    fn any_xml_like_text_is_read(text in "(<track>|</track>|<location>|</location>|&|;|<!--|-->|a|%|#x|é){0,60}") {
        let items = parse(Kind::Xspf, text.as_bytes(), Path::new("/"));
        prop_assert!(items.is_err() || items.is_ok_and(|items| !items.is_empty()));
    }
}
