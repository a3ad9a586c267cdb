//! Whether a text could speak to a terminal or hide something from a person.
//! Does not use the registry's own cleaning: it says what must be gone, in its own words.

use taskwright_runner::registry::{Message, Part, Task};

/// The first character of a text that must not reach a reader.
#[must_use]
pub fn unclean(text: &str) -> Option<char> {
    let takes_no_place = |c: &char| matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{34f}');
    let pairs = text.chars().zip(text.chars().skip(1));
    // One of these may stand behind a character; a row of them says something that nobody sees. Letters have no variants.
    let hidden = pairs
        .into_iter()
        .find(|(before, c)| takes_no_place(c) && (takes_no_place(before) || before.is_ascii_alphabetic()));
    hidden.map(|(_, c)| c).or_else(|| {
        text.chars().find(|&c| match c {
            '\n' | '\t' => false,
            // Controls, C0 and C1, and the separators that terminals and editors take for line ends.
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => true,
            // What changes the order of what is read.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
            // What is there and takes no place: but for the joiners of scripts and emoji.
            '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}' => true,
            '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
            | '\u{3164}'
            | '\u{115f}'
            | '\u{17b4}'
            | '\u{1d173}' => true,
            _ => false,
        })
    })
}

/// Every text of a record that a kind has written, with its name. The specification is the creator's.
pub(crate) fn texts_of(task: &Task) -> Vec<(&'static str, String)> {
    let mut texts = vec![("kind", task.kind.clone())];
    let mut add = |name, text: &Option<String>| texts.extend(text.clone().map(|text| (name, text)));
    add("state_detail", &task.state_detail);
    add("summary", &task.summary);
    if let Some(progress) = &task.progress {
        add("progress.unit", &progress.unit);
        add("progress.label", &progress.label);
    }
    if let Some(error) = &task.error {
        add("error.kind", &Some(error.kind.clone()));
        add("error.detail", &error.detail);
        add("error.message", &Some(error.message.clone()));
    }
    add("prompt", &task.input_request.as_ref().map(|request| request.prompt.clone()));
    add("links.child_session_id", &task.links.child_session_id);
    add("links.remote_task_id", &task.links.remote_task_id);
    for id in &task.links.resource_ids {
        add("links.resource_ids", &Some(id.clone()));
    }
    for artifact in &task.artifacts {
        add("artifact.name", &Some(artifact.name.clone()));
        add("artifact.type", &Some(artifact.media_type.clone()));
        add("artifact.path", &artifact.path);
        add("artifact.url", &artifact.url);
    }
    texts
}

/// Every text of a message. Data is JSON and is kept as it is: who shows it escapes it.
pub(crate) fn texts_of_message(message: &Message) -> Vec<(&'static str, String)> {
    let mut texts: Vec<_> = message.in_reply_to.clone().map(|id| ("message.in_reply_to", id)).into_iter().collect();
    texts.extend(message.parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(("message.text", text.clone())),
        Part::Data(_) => None,
    }));
    texts
}
