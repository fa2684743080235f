//! What does a whole calendar have on a day?

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::event::Event;
use super::lines::{self, Property};
use super::{Fault, TimeZones};

/// All events of one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calendar {
    events: Vec<Event>,
}

impl Calendar {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// The first thing that cannot be understood, with its line.
    pub fn parse(text: &str, zones: &TimeZones) -> Result<Self, Fault> {
        let mut reading = Reading::default();
        for property in lines::properties(text) {
            reading.property(property, zones)?;
        }
        reading.finish()
    }

    /// How many events there are, each with all its instances.
    pub fn n_events(&self) -> usize {
        self.events.len()
    }

    /// The name of an event that is on at that instant, which is `local` for a bell in `zone`;
    /// one of whole days lasts all day there.
    pub fn covers(&self, local: DateTime, at: Timestamp, zone: &TimeZone) -> Option<&str> {
        let mut events = self.events.iter();
        let on = events.find(|event| event.covers(local, at, zone));
        on.map(|event| event.summary.as_str())
    }

    /// Whether any event is on at any time of that day in `zone`.
    pub fn touches(&self, day: Date, zone: &TimeZone) -> bool {
        self.events.iter().any(|event| event.touches(day, zone))
    }
}

#[derive(Default)]
struct Reading {
    /// The components that are open now, with the lines where they begin.
    open: Vec<(String, usize)>,
    was_calendar: bool,
    properties: Vec<Property>,
    events: Vec<Event>,
}

impl Reading {
    fn property(&mut self, property: Property, zones: &TimeZones) -> Result<(), Fault> {
        let value = property.value.trim().to_ascii_uppercase();
        match property.name.as_str() {
            "BEGIN" => {
                self.was_calendar |= self.open.is_empty() && value == "VCALENDAR";
                self.open.push((value, property.line));
            }
            "END" => {
                let open = self.open.pop().filter(|(name, _)| *name == value);
                let Some((name, line)) = open else {
                    let text = format!("END:{value} ends nothing; export the calendar again");
                    return Err(property.fault(text));
                };
                if name == "VEVENT" {
                    let properties = std::mem::take(&mut self.properties);
                    self.events.push(Event::read(line, &properties, zones)?);
                }
            }
            _ => {
                if self.open.last().is_some_and(|(name, _)| name == "VEVENT") {
                    self.properties.push(property);
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Calendar, Fault> {
        if !self.was_calendar {
            let text = "is no iCalendar file: there is no BEGIN:VCALENDAR; export it as .ics";
            return Err(Fault::new(1, text));
        }
        if let Some((name, line)) = self.open.last() {
            let text = format!("BEGIN:{name} has no END: the file is cut off; export it again");
            return Err(Fault::new(*line, text));
        }
        let mut events = self.events;
        let replaced: Vec<Event> = events
            .extract_if(.., |event| event.replaces.is_some())
            .collect();
        for instead in &replaced {
            for event in events.iter_mut().filter(|event| event.uid == instead.uid) {
                if let Some(moment) = &instead.replaces {
                    event.leave_out(moment);
                }
            }
        }
        events.extend(replaced);
        events.retain(|event| !event.is_cancelled);
        Ok(Calendar { events })
    }
}
