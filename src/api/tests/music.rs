//! Is music shown, chosen, made softer and paused as asked?

use super::*;
use crate::api::{Music, MusicWanted, OfMusic, Source, SourceKind, SourceState, Usual, ZoneMusic};

/// A site with a zone that is `yard` and a source that is `radio`.
#[derive(Debug)]
pub(super) struct Jukebox {
    music: Music,
}

impl Jukebox {
    pub(super) fn new() -> Self {
        let yard = ZoneMusic {
            zone: "yard".to_owned(),
            source: None,
            volume_db: -6.0,
            paused: false,
            by_hand: Vec::new(),
            usual: Usual {
                source: None,
                volume_db: -6.0,
            },
        };
        let radio = Source {
            name: "radio".to_owned(),
            kind: SourceKind::Station,
            state: SourceState::Idle,
            reason: "nobody has wanted it yet".to_owned(),
            since: None,
            skipped: 0,
            paused: false,
            zones: Vec::new(),
        };
        let (sources, zones) = (vec![radio], vec![yard]);
        let music = Music { sources, zones };
        Self { music }
    }

    pub(super) fn answer(&mut self, asked: OfMusic) -> Answer {
        let strange = |name: String, known: &str| {
            let known = vec![known.to_owned()];
            (name, known)
        };
        match asked {
            OfMusic::All => return Answer::Music(self.music.clone()),
            OfMusic::Zone { zone, .. }
            | OfMusic::Reset { zone, .. }
            | OfMusic::NextIn { zone, .. }
                if zone != "yard" =>
            {
                let (name, known) = strange(zone, "yard");
                return Answer::Unknown(Unknown::Zone { name, known });
            }
            OfMusic::Source { source, .. } | OfMusic::Next { source, .. } if source != "radio" => {
                let (name, known) = strange(source, "radio");
                return Answer::Unknown(Unknown::Music { name, known });
            }
            OfMusic::Zone { wanted, .. } => self.play(wanted),
            OfMusic::NextIn { zone, .. } if self.music.zones[0].source.is_none() => {
                return Answer::Unknown(Unknown::Piece { zone });
            }
            OfMusic::Source { is_paused, .. } => self.music.sources[0].paused = is_paused,
            OfMusic::Reset { .. } => *self = Self::new(),
            OfMusic::NextIn { .. } | OfMusic::Next { .. } => {}
        }
        Answer::Done
    }

    fn play(&mut self, wanted: MusicWanted) {
        let yard = &mut self.music.zones[0];
        if let Some(source) = wanted.source {
            yard.source = source;
        }
        yard.volume_db = wanted.volume_db.unwrap_or(yard.volume_db);
        yard.paused = wanted.paused.unwrap_or(yard.paused);
    }
}

#[tokio::test]
async fn a_zone_plays_what_operators_choose_until_it_is_as_configured_again() {
    let bench = Bench::new();
    let yard = "/v1/music/zones/yard";
    let change = async |role: &str, body: &str| bench.as_role(role, "PATCH", yard, body).await;
    let before = bench.as_role("viewer", "GET", yard, "").await;
    let radio = r#"{"source":"radio","volume_db":-12.5}"#;
    change("viewer", radio).await.is_problem(403);
    let now = change("operator", radio).await;
    assert_eq!(
        (now.status.as_u16(), &now.body["source"]),
        (200, &json!("radio"))
    );
    assert_eq!(now.body["volume_db"], -12.5);
    assert_eq!(
        change("operator", r#"{"paused":true}"#).await.body["source"],
        "radio"
    );
    let next = bench
        .as_role("operator", "POST", "/v1/music/zones/yard/next", "")
        .await;
    assert_eq!(next.status, 204);
    let nothing = change("operator", r#"{"source":null}"#).await;
    assert_eq!(nothing.body["source"], Value::Null);
    bench
        .as_role("operator", "POST", "/v1/music/zones/yard/next", "")
        .await
        .is_problem(409);
    let tag = before.headers["etag"].to_str().unwrap();
    let late = Request::patch(yard)
        .header("authorization", "Bearer operator")
        .header("content-type", "application/json")
        .header("if-match", tag);
    bench.ask(late, radio).await.is_problem(412);
    let reset = bench.as_role("operator", "DELETE", yard, "").await;
    assert_eq!(reset.status, 204);
    let again = bench.as_role("viewer", "GET", yard, "").await;
    assert_eq!(again.body, before.body);
}

#[tokio::test]
async fn a_source_stands_still_wherever_it_is_heard() {
    let bench = Bench::new();
    let radio = "/v1/music/sources/radio";
    let still = bench
        .as_role("operator", "PATCH", radio, r#"{"paused":true}"#)
        .await;
    assert_eq!(
        (still.status.as_u16(), &still.body["paused"]),
        (200, &json!(true))
    );
    let all = bench.as_role("viewer", "GET", "/v1/music", "").await;
    assert_eq!(all.body["sources"], json!([still.body]));
    let next = bench
        .as_role("operator", "POST", "/v1/music/sources/radio/next", "")
        .await;
    assert_eq!(next.status, 204);
}

#[tokio::test]
async fn music_that_makes_no_sense_is_a_problem() {
    let bench = Bench::new();
    let wrong = [
        ("GET", "/v1/music/zones/hall", "", 404),
        ("PATCH", "/v1/music/zones/hall", r#"{"paused":true}"#, 404),
        ("PATCH", "/v1/music/zones/yard", "{}", 422),
        ("PATCH", "/v1/music/zones/yard", "[null, -3.0, true]", 422),
        ("PATCH", "/v1/music/zones/yard", r#"{"volume_db":21}"#, 422),
        (
            "PATCH",
            "/v1/music/zones/yard",
            r#"{"volume_db":"loud"}"#,
            422,
        ),
        ("PATCH", "/v1/music/zones/yard", r#"{"source":7}"#, 422),
        ("DELETE", "/v1/music/zones/hall", "", 404),
        ("POST", "/v1/music/zones/hall/next", "", 404),
        (
            "PATCH",
            "/v1/music/sources/lounge",
            r#"{"paused":true}"#,
            404,
        ),
        (
            "PATCH",
            "/v1/music/sources/radio",
            r#"{"paused":null}"#,
            422,
        ),
        ("POST", "/v1/music/sources/lounge/next", "", 404),
    ];
    for (method, path, body, status) in wrong {
        bench
            .as_role("admin", method, path, body)
            .await
            .is_problem(status);
    }
}
