//! Are recordings and sounds listed, heard, taken in and deleted as asked, and nothing else?

use std::path::PathBuf;

use super::*;
use crate::api::{Message, OfRecordings, OfSounds, Recording, Sound, Sounds, Track, Unfit};

/// A site with three recordings of ten bytes, and a sound.
#[derive(Debug)]
pub(super) struct Kept {
    folder: PathBuf,
    recordings: Vec<String>,
    sounds: Vec<Sound>,
}

impl Kept {
    pub(super) fn new() -> Self {
        let id = |n| format!("2026-11-21/10000{n}-lessons-101.wav");
        Self {
            folder: PathBuf::new(),
            recordings: [3, 2, 1].map(id).to_vec(),
            sounds: vec![sound("gong.wav", false)],
        }
    }

    pub(super) fn of_recordings(&mut self, asked: OfRecordings) -> Answer {
        let gone = Answer::Denied(Denied::Gone, Vec::new());
        match asked {
            OfRecordings::List(wanted) => {
                let after = |id: &&String| wanted.after.as_ref().is_none_or(|after| *id < after);
                let items = self.recordings.iter().filter(after).take(wanted.limit);
                Answer::Recordings(items.map(|id| recording(id)).collect())
            }
            OfRecordings::Find { id } if self.recordings.contains(&id) => {
                Answer::Track(self.track())
            }
            OfRecordings::Delete { id, .. } if self.recordings.contains(&id) => {
                self.recordings.retain(|it| *it != id);
                Answer::Done
            }
            OfRecordings::Find { .. } | OfRecordings::Delete { .. } => gone,
        }
    }

    /// All recordings are the same file.
    fn track(&mut self) -> Track {
        static N: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        if self.folder.as_os_str().is_empty() {
            let n = N.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let name = format!("paging-kept-{}-{n}", std::process::id());
            self.folder = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&self.folder).unwrap();
        }
        let path = self.folder.join("ten.wav");
        if !path.exists() {
            std::fs::write(&path, "0123456789").unwrap();
        }
        let media = "audio/wav";
        Track { path, media }
    }

    pub(super) fn of_sounds(&mut self, asked: OfSounds) -> Answer {
        match asked {
            OfSounds::All => Answer::Sounds(Sounds {
                items: self.sounds.clone(),
                messages: vec![drill()],
            }),
            OfSounds::Put { name, .. } | OfSounds::Delete { name, .. } if name == "gong.wav" => {
                Answer::Unfit(Unfit::Configured)
            }
            OfSounds::Put { bytes, .. } if !bytes.starts_with(b"RIFF") => {
                Answer::Unfit(Unfit::NoSound("it is not an audio file".to_owned()))
            }
            OfSounds::Put { name, .. } => {
                self.sounds.retain(|it| it.name != name);
                self.sounds.push(sound(&name, true));
                Answer::Placed(sound(&name, true))
            }
            OfSounds::Delete { name, .. } => {
                self.sounds.retain(|it| it.name != name);
                Answer::Done
            }
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

fn recording(id: &str) -> Recording {
    Recording {
        id: id.to_owned(),
        at: "2026-11-21T10:00:01.000Z".to_owned(),
        bytes: 10,
        seconds: Some(0.5),
        media: "audio/wav".to_owned(),
        words: vec!["lessons".to_owned(), "101".to_owned()],
    }
}

fn sound(name: &str, uploaded: bool) -> Sound {
    Sound {
        name: name.to_owned(),
        uploaded,
        seconds: 0.5,
        channels: 1,
        rate_hz: 48_000,
        peak_dbfs: Some(-3.0),
        loudness_lufs: Some(-18.0),
    }
}

fn drill() -> Message {
    Message {
        name: "drill".to_owned(),
        zones: vec!["yard".to_owned()],
        seconds: 2.5,
    }
}

const LAST: &str = "/v1/recordings/2026-11-21/100003-lessons-101.wav";

#[tokio::test]
async fn recordings_are_listed_in_parts_and_deleted_by_admins_only() {
    let bench = Bench::new();
    let list = async |path: &str| bench.as_role("viewer", "GET", path, "").await.body;
    let first = list("/v1/recordings?limit=2&caller=101&since=2026-11-01T00:00:00Z").await;
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let next = first["next"].as_str().unwrap();
    let second = list(&format!("/v1/recordings?limit=2&after={next}")).await;
    assert_eq!(
        (second["items"].as_array().unwrap().len(), &second["next"]),
        (1, &Value::Null)
    );
    let delete = async |role: &str| bench.as_role(role, "DELETE", LAST, "").await;
    delete("operator").await.is_problem(403);
    assert_eq!(delete("admin").await.status, 204);
    delete("admin").await.is_problem(404);
}

#[tokio::test]
async fn a_recording_is_heard_whole_or_in_parts() {
    let bench = Bench::new();
    let part = async |headers: &[(&'static str, &str)]| {
        let request = Request::get(LAST).header("authorization", "Bearer viewer");
        let with = |request: axum::http::request::Builder, (name, value): &(&'static str, &str)| {
            request.header(*name, *value)
        };
        bench.ask(headers.iter().fold(request, with), "").await
    };
    let all = part(&[]).await;
    assert_eq!(
        (all.status.as_u16(), all.text.as_str()),
        (200, "0123456789")
    );
    for (name, value) in [
        ("content-type", "audio/wav"),
        ("content-length", "10"),
        ("accept-ranges", "bytes"),
    ] {
        assert_eq!(all.headers[name], value);
    }
    let tag = all.headers["etag"].to_str().unwrap().to_owned();
    let middle = part(&[("range", "bytes=2-5"), ("if-range", &tag)]).await;
    assert_eq!(
        (middle.status.as_u16(), middle.text.as_str()),
        (206, "2345")
    );
    assert_eq!(middle.headers["content-range"], "bytes 2-5/10");
    assert_eq!(part(&[("range", "bytes=-3")]).await.text, "789");
    let other = part(&[("range", "bytes=2-5"), ("if-range", "\"a\"")]).await;
    assert_eq!(
        (other.status.as_u16(), other.text.as_str()),
        (200, "0123456789")
    );
    assert_eq!(part(&[("if-none-match", &tag)]).await.status, 304);
    let beyond = part(&[("range", "bytes=10-")]).await;
    beyond.is_problem(416);
    assert_eq!(beyond.headers["content-range"], "bytes */10");
    let head = bench.as_role("viewer", "HEAD", LAST, "").await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
    assert_eq!(head.headers["content-length"], "10");
}

#[tokio::test]
async fn no_path_leads_out_of_the_recordings() {
    let bench = Bench::new();
    for path in [
        "/v1/recordings/..%2f..%2fetc/passwd",
        "/v1/recordings/2026-11-21/..%2f..%2fetc%2fpasswd",
        "/v1/recordings/2026-11-21/%00",
        "/v1/recordings/2026-11-21/nothing.wav",
    ] {
        bench
            .as_role("admin", "GET", path, "")
            .await
            .is_problem(404);
        bench
            .as_role("admin", "DELETE", path, "")
            .await
            .is_problem(404);
    }
    for query in ["limit=0", "since=noon", "until=1", "word=x"] {
        let path = format!("/v1/recordings?{query}");
        bench
            .as_role("viewer", "GET", &path, "")
            .await
            .is_problem(400);
    }
}

#[tokio::test]
async fn sounds_are_taken_in_from_admins_and_only_such_that_can_be_played() {
    let bench = Bench::new();
    let put = async |role: &str, name: &str, headers: &[(&'static str, &str)], body: &str| {
        let request = Request::put(format!("/v1/sounds/{name}"));
        let mut request = request.header("authorization", format!("Bearer {role}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        bench.ask(request, body).await
    };
    let wav = [("content-type", "audio/wav")];
    put("operator", "bell.wav", &wav, "RIFF")
        .await
        .is_problem(403);
    let new = put("admin", "bell.wav", &wav, "RIFF").await;
    assert_eq!(
        (new.status.as_u16(), &new.body["peak_dbfs"]),
        (201, &json!(-3.0))
    );
    assert_eq!(new.headers["location"], "/v1/sounds/bell.wav");
    let again = put("admin", "bell.wav", &wav, "RIFF").await;
    assert_eq!(again.status, 200);
    let only_new = [("content-type", "audio/wav"), ("if-none-match", "*")];
    put("admin", "bell.wav", &only_new, "RIFF")
        .await
        .is_problem(412);
    put("admin", "gong.wav", &wav, "RIFF").await.is_problem(409);
    put("admin", "bell.wav", &wav, "text").await.is_problem(422);
    put("admin", "bell.exe", &wav, "RIFF").await.is_problem(400);
    put("admin", "..%2fbell.wav", &wav, "RIFF")
        .await
        .is_problem(400);
    put(
        "admin",
        "bell.wav",
        &[("content-type", "text/html")],
        "RIFF",
    )
    .await
    .is_problem(415);
    let long = "x".repeat((16 << 20) + 1);
    put("admin", "bell.wav", &wav, &long).await.is_problem(413);
    let list = bench.as_role("viewer", "GET", "/v1/sounds", "").await;
    assert_eq!(list.body["items"].as_array().unwrap().len(), 2);
    assert_eq!(
        list.body["messages"],
        json!([{"name": "drill", "zones": ["yard"], "seconds": 2.5}])
    );
    let bell = "/v1/sounds/bell.wav";
    let shown = bench.as_role("viewer", "GET", bell, "").await;
    assert_eq!(shown.headers["etag"], again.headers["etag"]);
    bench
        .as_role("operator", "DELETE", bell, "")
        .await
        .is_problem(403);
    assert_eq!(bench.as_role("admin", "DELETE", bell, "").await.status, 204);
    bench
        .as_role("admin", "DELETE", bell, "")
        .await
        .is_problem(404);
    bench
        .as_role("viewer", "GET", bell, "")
        .await
        .is_problem(404);
    bench
        .as_role("admin", "DELETE", "/v1/sounds/gong.wav", "")
        .await
        .is_problem(409);
}
