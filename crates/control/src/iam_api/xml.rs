//! Answers in XML.

use std::fmt::Write;

use super::QueryError;

/// Elements that are being written.
#[derive(Clone, Debug, Default)]
pub(super) struct Xml(String);

impl Xml {
    /// An element with text in it.
    pub(super) fn text(mut self, name: &str, text: &str) -> Xml {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "<{name}>{}</{name}>", escape(text));
        self
    }

    /// Text alone.
    pub(super) fn raw(text: &str) -> Xml {
        Xml(escape(text))
    }

    /// An element with text in it, if there is some.
    pub(super) fn maybe(self, name: &str, text: Option<&str>) -> Xml {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    /// An element with others in it.
    pub(super) fn element(mut self, name: &str, inner: Xml) -> Xml {
        let _ = write!(self.0, "<{name}>{}</{name}>", inner.0);
        self
    }

    /// An element for each of many.
    pub(super) fn members(self, name: &str, items: impl IntoIterator<Item = Xml>) -> Xml {
        let members =
            items.into_iter().fold(Xml::default(), |all, item| all.element("member", item));
        self.element(name, members)
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// Text as the content of an element. Characters that XML cannot have become question marks.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' => escaped.push(character),
            '\r' => escaped.push_str("&#13;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('?'),
            other => escaped.push(other),
        }
    }
    escaped
}

fn namespace(service: &str) -> &'static str {
    if service == "sts" {
        "https://sts.amazonaws.com/doc/2011-06-15/"
    } else {
        "https://iam.amazonaws.com/doc/2010-05-08/"
    }
}

/// The answer of an action.
pub(crate) fn response(
    service: &str,
    action: &str,
    result: Option<&str>,
    request_id: &str,
) -> String {
    let result = result
        .map_or_else(String::new, |inner| format!("<{action}Result>{inner}</{action}Result>"));
    format!(
        "<{action}Response xmlns=\"{}\">{result}<ResponseMetadata><RequestId>{request_id}</RequestId>\
         </ResponseMetadata></{action}Response>",
        namespace(service)
    )
}

impl QueryError {
    /// The answer.
    pub(crate) fn xml(&self, service: &str, request_id: &str) -> String {
        let sender = if self.status < 500 { "Sender" } else { "Receiver" };
        format!(
            "<ErrorResponse xmlns=\"{}\"><Error><Type>{sender}</Type><Code>{}</Code>\
             <Message>{}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>",
            namespace(service),
            escape(&self.code),
            escape(&self.message)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_escapes() {
        let xml = Xml::default().text("a", "<&>\"\u{1}é\r").maybe("b", None).finish();
        assert_eq!(xml, "<a>&lt;&amp;&gt;&quot;?é&#13;</a>");
    }
}
