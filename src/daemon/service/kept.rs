//! How are recordings and brought sounds looked at, taken in and deleted?
//!
//! Whatever touches the disk runs beside the loop; what comes of it for the loop comes back as a
//! `Shipment`.

use std::path::PathBuf;

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::Service;
use super::http::tell;
use super::made::Asked;
use crate::api::{Answer, OfRecordings, OfSounds, Sounds, Unfit, Who};
use crate::base::{Pcm, ZoneSet};
use crate::control::{Change, Demand, Denied, Role};
use crate::daemon::http::{Errand, OfFiles, name_of, recordings, track};
use crate::daemon::settings;
use crate::daemon::uploads::{self, Brought, Held};
use crate::output::record;
use crate::page::Priority;

/// What became of a sound on the disk, or of one that was to be made.
pub(super) struct Shipment {
    step: Step,
    answer: oneshot::Sender<Answer>,
}

impl Shipment {
    pub(super) fn made(
        asked: Asked,
        sound: Result<Pcm, String>,
        answer: oneshot::Sender<Answer>,
    ) -> Self {
        let step = Step::Made(Box::new(asked), sound);
        Self { step, answer }
    }
}

enum Step {
    /// A sound for one page, or why there is none.
    Made(Box<Asked>, Result<Pcm, String>),
    Decoded(Who, Brought),
    Placed(Brought),
    Removed(String),
    Failed(Unfit),
}

impl Service {
    pub(super) fn asked_of_recordings(
        &mut self,
        asked: OfRecordings,
        answer: oneshot::Sender<Answer>,
    ) {
        let folder = settings::recordings(&self.config).folder;
        match asked {
            OfRecordings::List(wanted) => {
                spawn_blocking(move || {
                    tell(answer, Answer::Recordings(recordings(&folder, &wanted)));
                });
            }
            OfRecordings::Find { id } => {
                spawn_blocking(move || {
                    let found = track(&folder, &id).map(Answer::Track);
                    tell(answer, found.unwrap_or_else(gone));
                });
            }
            OfRecordings::Delete { who, id } => {
                let what = format!("recording {id}");
                let errand = OfFiles::DeleteRecording(id);
                self.order_of_files(&who, what, "is deleted", answer, errand);
            }
        }
    }

    pub(super) fn asked_of_sounds(&mut self, asked: OfSounds, answer: oneshot::Sender<Answer>) {
        match asked {
            OfSounds::All => {
                let (levels, held) = (self.levels.clone(), self.sounds());
                let messages = self.lexicon().messages();
                spawn_blocking(move || {
                    let items = levels.shown(held);
                    tell(answer, Answer::Sounds(Sounds { items, messages }));
                });
            }
            OfSounds::Put { name, .. } if self.is_configured(&name) => {
                tell(answer, Answer::Unfit(Unfit::Configured));
            }
            OfSounds::Put { who, name, bytes } => {
                let (folder, shipments) = (self.sounds_folder(), self.shipments_tx.clone());
                spawn_blocking(move || {
                    let step = match Brought::decode(&folder, &name, &bytes) {
                        Ok(brought) => Step::Decoded(who, brought),
                        Err(unfit) => Step::Failed(unfit),
                    };
                    // A daemon that has ended does not hear it.
                    shipments.send(Shipment { step, answer }).ok();
                });
            }
            OfSounds::Delete { name, .. } if !self.stock.is_brought(&name) => {
                let unfit = Answer::Unfit(Unfit::Configured);
                let is_there = self.is_configured(&name);
                tell(answer, if is_there { unfit } else { gone() });
            }
            OfSounds::Delete { who, name } => {
                let what = format!("sound {name}");
                let errand = OfFiles::RemoveSound(name);
                self.order_of_files(&who, what, "is deleted", answer, errand);
            }
        }
    }

    /// A step is done that did not run in the loop.
    pub(super) fn shipped(&mut self, shipment: Shipment) {
        let Shipment { step, answer } = shipment;
        match step {
            Step::Failed(unfit) => tell(answer, Answer::Unfit(unfit)),
            Step::Made(asked, sound) => self.made(*asked, sound, answer),
            Step::Decoded(_, brought) if !self.stock.has_room(&brought.name, &brought.pcm) => {
                tell(answer, Answer::Unfit(Unfit::Full));
            }
            Step::Decoded(who, brought) => {
                let what = format!("sound {}", brought.name);
                let errand = OfFiles::PlaceSound(brought);
                self.order_of_files(&who, what, "is taken in", answer, errand);
            }
            Step::Placed(brought) => {
                self.console.prepare(&brought.pcm);
                let id = self.stock.bring(&brought.name, Some(brought.pcm.clone()));
                let (levels, pcm) = (self.levels.clone(), brought.pcm.clone());
                let held = Held {
                    name: brought.name.clone(),
                    is_uploaded: true,
                    id,
                    pcm,
                };
                spawn_blocking(move || {
                    let shown = levels.shown(vec![held]).pop();
                    tell(answer, shown.map_or_else(gone, Answer::Placed));
                });
            }
            Step::Removed(name) => {
                self.stock.bring(&name, None);
                self.levels.retain(|id| self.stock.sound(id).is_some());
                tell(answer, Answer::Done);
            }
        }
    }

    /// The core has allowed it.
    pub(super) fn run_file_errand(&self, errand: OfFiles, answer: oneshot::Sender<Answer>) {
        let folder = self.sounds_folder();
        let shipments = self.shipments_tx.clone();
        let recordings = settings::recordings(&self.config).folder;
        spawn_blocking(move || {
            let step = match errand {
                OfFiles::DeleteRecording(id) => {
                    let removed = record::remove(&recordings, &id);
                    return tell(answer, removed.map_or_else(|_| gone(), |()| Answer::Done));
                }
                OfFiles::RemoveSound(name) => {
                    uploads::remove(&folder, &name).map(|()| Step::Removed(name))
                }
                OfFiles::PlaceSound(brought) => {
                    brought.place(&folder).map(|()| Step::Placed(brought))
                }
            };
            let step = step.unwrap_or_else(Step::Failed);
            shipments.send(Shipment { step, answer }).ok();
        });
    }

    fn order_of_files(
        &mut self,
        who: &Who,
        what: String,
        text: &str,
        answer: oneshot::Sender<Answer>,
        errand: OfFiles,
    ) {
        let change = Change {
            who: name_of(who).to_owned(),
            what,
            text: text.to_owned(),
            needs: Role::Admin,
            priority: Priority::LOWEST,
            zones: ZoneSet::EMPTY,
            music: None,
        };
        self.order(
            who,
            Demand::Change(Box::new(change)),
            answer,
            Some(Errand::Files(errand)),
        );
    }

    fn sounds_folder(&self) -> PathBuf {
        settings::state_file(&self.config, SOUNDS)
    }

    /// Everything that a page can play by its name.
    fn sounds(&self) -> Vec<Held> {
        let mut held = self.stock.held();
        if let Some(pcm) = &self.klaxon {
            held.push(Held {
                name: "klaxon".to_owned(),
                is_uploaded: false,
                id: None,
                pcm: pcm.clone(),
            });
        }
        held.sort_by(|a, b| a.name.cmp(&b.name));
        held
    }

    /// Whether the configuration has a sound or a message of that name.
    fn is_configured(&self, name: &str) -> bool {
        let mut pages = self.config.pages.iter();
        pages.any(|page| page.name == name) || self.stock.is_configured(name) || name == "klaxon"
    }
}

fn gone() -> Answer {
    Answer::Denied(Denied::Gone, Vec::new())
}

/// The folder of sounds that were brought, in that of the state.
pub(super) const SOUNDS: &str = "sounds";
