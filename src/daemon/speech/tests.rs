//! Are texts spoken once, kept, and is told what keeps them from it?

use super::*;
use crate::base::SampleRate;
use crate::config::read_texts;
use crate::daemon::wav;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let name = format!("paging-speech-{:016x}", chance::number::<u64>());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        let (path, rate) = (folder.join("voice.wav"), SampleRate::HZ_8000);
        wav::write_mono(&path, rate, vec![0.25; 800]).unwrap();
        Self(folder)
    }

    /// A program that counts how often it was run.
    fn script(&self, body: &str) -> String {
        let path = self.0.join("speak.sh");
        let count = self.0.join("count").display().to_string();
        fs::write(&path, format!("echo x >> {count}\n{body}\n")).unwrap();
        format!("sh {}", path.display())
    }

    /// Its voice is always the same, but it writes down what it says.
    fn speaks(&self, heard: &str, written: &str) -> String {
        let (texts, voice) = (self.0.join("texts"), self.0.join("voice.wav"));
        let (texts, voice) = (texts.display(), voice.display());
        self.script(&format!("{heard} >> {texts}\ncat {voice} {written}"))
    }

    fn n_runs(&self) -> usize {
        let text = fs::read_to_string(self.0.join("count")).unwrap_or_default();
        text.lines().count()
    }

    fn config(&self, command: &str, sections: &str) -> Config {
        let text = format!(
            "[audio]\nspeech-command = {command}\n[server]\nstate-dir = {}\n{sections}",
            self.0.display()
        );
        let loaded = read_texts([(Path::new("x"), text.as_bytes())], &[]);
        assert_eq!(loaded.mistakes, []);
        loaded.config.unwrap()
    }

    fn kept(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.0.join("speech")) else {
            return Vec::new();
        };
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    #[track_caller]
    fn says(&self, command: &str, want: &str) {
        let config = self.config(command, CLOSING);
        let Err(mistakes) = speak(&config) else {
            panic!("it speaks");
        };
        let text = mistakes[0].to_string();
        assert!(text.starts_with("x:6: [page:a] say = "), "{text}");
        assert!(text.contains(want), "{text}");
        assert!(self.kept().is_empty(), "{text}");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

const CLOSING: &str = "[page:a]\nsay = The office closes in ten minutes.\n";

#[test]
fn a_text_is_spoken_once_and_kept() {
    let folder = Folder::new();
    let speaks = folder.speaks("printf '%s\\n' \"$2\"", "> \"$1\"");
    let command = speaks + " {file} {text}";
    let bells = "[schedule:b]\nwhen = daily 12:00\nsay = The office closes in ten minutes.\n\
                 [schedule:c]\nwhen = daily 13:00\nsay = $(reboot); `id` --help\n";
    let config = folder.config(&command, &format!("{CLOSING}{bells}"));
    let spoken = speak(&config).unwrap();
    let closing = spoken.of("The office closes in ten minutes.").unwrap();
    assert_eq!((closing.rate.hz(), closing.samples.len()), (8_000, 800));
    assert!(spoken.of("$(reboot); `id` --help").is_some());
    let said = fs::read_to_string(folder.0.join("texts")).unwrap();
    assert_eq!(
        said,
        "The office closes in ten minutes.\n$(reboot); `id` --help\n"
    );
    assert_eq!((folder.n_runs(), folder.kept().len()), (2, 2));
    let again = speak(&config).unwrap();
    assert_eq!(again.of("The office closes in ten minutes."), Some(closing));
    assert_eq!(folder.n_runs(), 2);
    // Looking for mistakes takes what is there, and leaves nothing.
    assert_eq!(mistakes(&config), []);
    assert_eq!((folder.n_runs(), folder.kept().len()), (2, 2));
    for file in folder.kept() {
        fs::write(file, "RIFF, and then the power was cut").unwrap();
    }
    speak(&config).unwrap();
    assert_eq!((folder.n_runs(), folder.kept().len()), (4, 2));
}

#[test]
fn another_command_speaks_anew_and_may_use_its_input_and_output() {
    let folder = Folder::new();
    let command = folder.speaks("cat", "");
    let spoken = speak(&folder.config(&command, CLOSING)).unwrap();
    let said = fs::read_to_string(folder.0.join("texts")).unwrap();
    assert_eq!(said, "The office closes in ten minutes.\n");
    assert!(spoken.of("The office closes in ten minutes.").is_some());
    let other = command + " --slowly";
    speak(&folder.config(&other, CLOSING)).unwrap();
    assert_eq!((folder.n_runs(), folder.kept().len()), (2, 2));
    assert_eq!(mistakes(&folder.config(&(other + " {text}"), "")), []);
}

#[test]
fn a_command_that_does_not_speak_is_told_with_the_line() {
    let folder = Folder::new();
    folder.says(
        "no-such-voice {file} {text}",
        "there is no program no-such-voice to speak it; install",
    );
    folder.says("\"\"", "nothing speaks; write speech-command = PROGRAM");
    let fails = folder.script("echo no voice called xx >&2; exit 3");
    folder.says(
        &fails,
        "sh did not speak it: no voice called xx; look at speech-command",
    );
    let silent = folder.script("exit 7");
    folder.says(&silent, "exit status: 7");
    let nothing = folder.script("exit 0");
    folder.says(&(nothing + " {file}"), "sh wrote no sound: ");
    let noise = folder.script("echo this is no sound");
    folder.says(&noise, "sh wrote no sound: ");
}

#[test]
fn a_command_that_hangs_is_ended_with_all_that_it_started() {
    let folder = Folder::new();
    let pid = folder.0.join("pid");
    let body = format!("sleep 600 & echo $! > {}; wait", pid.display());
    let command = config::Command::parse(&folder.script(&body)).unwrap();
    let speaker = Speaker {
        command: &command,
        folder: folder.0.join("speech"),
        keep: Keep::Yes,
        patience: Duration::from_secs(2),
    };
    let fault = speaker.say("Hello").unwrap_err();
    assert!(matches!(fault, Fault::Slow(..)), "{fault}");
    assert!(
        fault
            .to_string()
            .starts_with("sh did not speak it within 2 s")
    );
    let pid = fs::read_to_string(pid).unwrap();
    // Nobody waits for it any more, but it does not run; a busy machine takes a while to end it.
    let stat = || fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    let is_over = || stat().is_empty() || stat().contains(") Z ");
    let until = Instant::now() + Duration::from_secs(10);
    while !is_over() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(is_over(), "{}", stat());
}

#[test]
fn the_oldest_of_what_nobody_wants_goes() {
    let folder = Folder::new();
    for n in 0..MOST_FILES + 3 {
        fs::write(folder.0.join(format!("{n:04}.wav")), "x").unwrap();
    }
    fs::create_dir(folder.0.join("new-0")).unwrap();
    let wanted = BTreeSet::from([folder.0.join("0000.wav")]);
    sweep(&folder.0, &wanted);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), MOST_FILES);
    assert!(folder.0.join("0000.wav").exists() && !folder.0.join("new-0").exists());
}

#[test]
fn espeak_speaks_by_default() {
    let folder = Folder::new();
    let default = Config::default().audio.speech_command;
    let config = folder.config(default.as_str(), "[page:a]\nsay = -v is no option here\n");
    let spoken = speak(&config).unwrap_or_else(|mistakes| panic!("{}", mistakes[0]));
    let pcm = spoken.of("-v is no option here").unwrap();
    assert!(
        pcm.duration() > Duration::from_millis(700),
        "{:?}",
        pcm.duration()
    );
    assert!(crate::dsp::peak(&pcm.samples) > 0.1);
}
