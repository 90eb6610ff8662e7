//! `tsquery`: words combined by `!`, `<->`, `&` and `|`.
//!
//! Source: PostgreSQL 16 `tsquery.c`, `tsquery_util.c`, `tsquery_op.c`.

use std::cmp::Ordering;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};

use super::tsvector::{LEXEME_BYTES_MAX, WordReader, check_word, receive_word, write_word};
use crate::memory::too_deep;
use crate::numeric::is_space;
use crate::reader::Reader;
use crate::{Result, SqlError, SqlState};

/// Greatest distance of `<N>`.
pub const DISTANCE_MAX: u16 = 1 << 14;
/// Deepest nesting, so that no query overflows the stack.
const DEPTH_MAX: usize = 1000;
/// Most words and operators of a query: operators of one kind nest to the left.
pub const NODES_MAX: usize = 4000;

const SEND_VALUE: u8 = 1;
const SEND_OPERATOR: u8 = 2;
const SEND_NOT: u8 = 1;
const SEND_AND: u8 = 2;
const SEND_OR: u8 = 3;
const SEND_PHRASE: u8 = 4;

/// A node of a query.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    /// A word: weights as a bit set (A is 8, D is 1; 0 is any), and whether it is a prefix.
    Word {
        /// The lexeme.
        text: Arc<str>,
        /// Bit 3 is A, bit 0 is D; 0 means any.
        weights: u8,
        /// `:*`
        prefix: bool,
    },
    /// `!`
    Not(Box<Node>),
    /// `&`
    And(Box<Node>, Box<Node>),
    /// `|`
    Or(Box<Node>, Box<Node>),
    /// `<N>`: the right one stands this far after the left one.
    Phrase(Box<Node>, Box<Node>, u16),
}

/// A query; the empty one has no node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TsQuery(pub Option<Node>);

impl Node {
    /// Number of words and operators.
    pub fn count(&self) -> usize {
        match self {
            Node::Word { .. } => 1,
            Node::Not(inner) => 1 + inner.count(),
            Node::And(a, b) | Node::Or(a, b) | Node::Phrase(a, b, _) => 1 + a.count() + b.count(),
        }
    }

    /// Bytes of the words, each with its end.
    fn word_bytes(&self) -> usize {
        match self {
            Node::Word { text, .. } => text.len() + 1,
            Node::Not(inner) => inner.word_bytes(),
            Node::And(a, b) | Node::Or(a, b) | Node::Phrase(a, b, _) => {
                a.word_bytes() + b.word_bytes()
            }
        }
    }

    const fn operator(&self) -> u8 {
        match self {
            Node::Word { .. } => 0,
            Node::Not(_) => SEND_NOT,
            Node::And(..) => SEND_AND,
            Node::Or(..) => SEND_OR,
            Node::Phrase(..) => SEND_PHRASE,
        }
    }

    const fn priority(&self) -> u8 {
        match self {
            Node::Or(..) => 1,
            Node::And(..) => 2,
            Node::Phrase(..) => 3,
            Node::Not(_) => 4,
            Node::Word { .. } => 5,
        }
    }
}

/// Fails if a query of that many words and operators might overflow the stack.
///
/// # Errors
/// `54001`.
pub fn check_nodes(count: usize) -> Result<()> {
    if count > NODES_MAX { Err(too_deep()) } else { Ok(()) }
}

/// The order of two words, which says nothing about their letters; weights do not count.
///
/// Source: PostgreSQL 16 `QTNodeCompare`.
pub fn compare_words(a: &Node, b: &Node) -> Ordering {
    let (Node::Word { text: x, .. }, Node::Word { text: y, .. }) = (a, b) else {
        return Ordering::Equal;
    };
    checksum(y).cmp(&checksum(x)).then_with(|| x.as_bytes().cmp(y.as_bytes()))
}

fn checksum(word: &str) -> i32 {
    super::legacy_crc32(word.as_bytes()).cast_signed()
}

/// One bit of 32 that a word sets in the signature of a query.
///
/// Source: PostgreSQL 16 `QT2QTN`.
pub fn word_signature(word: &str) -> u32 {
    1 << (super::legacy_crc32(word.as_bytes()) % 32)
}

/// The order of two nodes; right operands count before left ones.
///
/// Source: PostgreSQL 16 `QTNodeCompare`.
fn compare_nodes(a: &Node, b: &Node) -> Ordering {
    match (a, b) {
        (Node::Word { .. }, Node::Word { .. }) => compare_words(a, b),
        (Node::Word { .. }, _) => Ordering::Greater,
        (_, Node::Word { .. }) => Ordering::Less,
        _ => b.operator().cmp(&a.operator()).then_with(|| match (a, b) {
            (Node::Not(x), Node::Not(y)) => compare_nodes(x, y),
            (Node::Phrase(a, b, n), Node::Phrase(x, y, m)) => {
                compare_nodes(b, y).then_with(|| compare_nodes(a, x)).then_with(|| m.cmp(n))
            }
            (Node::And(a, b), Node::And(x, y)) | (Node::Or(a, b), Node::Or(x, y)) => {
                compare_nodes(b, y).then_with(|| compare_nodes(a, x))
            }
            _ => Ordering::Equal,
        }),
    }
}

impl Ord for TsQuery {
    fn cmp(&self, other: &TsQuery) -> Ordering {
        let count = |query: &TsQuery| query.0.as_ref().map_or(0, Node::count);
        let bytes = |query: &TsQuery| query.0.as_ref().map_or(0, Node::word_bytes);
        count(self)
            .cmp(&count(other))
            .then_with(|| {
                // An item takes twelve bytes.
                let size = |query: &TsQuery| 12 * count(query) + bytes(query);
                size(self).cmp(&size(other))
            })
            .then_with(|| match (&self.0, &other.0) {
                (Some(a), Some(b)) => compare_nodes(a, b),
                (a, b) => a.is_some().cmp(&b.is_some()),
            })
    }
}

impl PartialOrd for TsQuery {
    fn partial_cmp(&self, other: &TsQuery) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

pub(super) fn write(query: &TsQuery, out: &mut BytesMut) {
    if let Some(node) = &query.0 {
        write_node(node, 0, false, out);
    }
}

/// Appends one node as text.
pub fn write_single(node: &Node, out: &mut BytesMut) {
    write_node(node, 0, false, out);
}

fn write_node(node: &Node, parent: u8, right_of_phrase: bool, out: &mut BytesMut) {
    let priority = node.priority();
    match node {
        Node::Word { text, weights, prefix } => {
            write_word(text, out);
            if *prefix || *weights != 0 {
                out.put_u8(b':');
                if *prefix {
                    out.put_u8(b'*');
                }
                for (bit, letter) in [(8, b'A'), (4, b'B'), (2, b'C'), (1, b'D')] {
                    if weights & bit != 0 {
                        out.put_u8(letter);
                    }
                }
            }
        }
        Node::Not(inner) => {
            let parentheses = priority < parent;
            if parentheses {
                out.put_slice(b"( ");
            }
            out.put_u8(b'!');
            write_node(inner, priority, false, out);
            if parentheses {
                out.put_slice(b" )");
            }
        }
        Node::And(left, right) | Node::Or(left, right) | Node::Phrase(left, right, _) => {
            let phrase = matches!(node, Node::Phrase(..));
            let parentheses = priority < parent || phrase && right_of_phrase;
            if parentheses {
                out.put_slice(b"( ");
            }
            write_node(left, priority, false, out);
            match node {
                Node::Or(..) => out.put_slice(b" | "),
                Node::And(..) => out.put_slice(b" & "),
                Node::Phrase(_, _, 1) => out.put_slice(b" <-> "),
                Node::Phrase(_, _, distance) => {
                    out.put_slice(format!(" <{distance}> ").as_bytes());
                }
                Node::Word { .. } | Node::Not(_) => {}
            }
            write_node(right, priority, phrase, out);
            if parentheses {
                out.put_slice(b" )");
            }
        }
    }
}

/// A token of a query's text.
enum Token {
    Word { text: String, weights: u8, prefix: bool },
    Operator(Operator),
    Open,
    Close,
    End,
}

/// What combines operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `!`
    Not,
    /// `&`
    And,
    /// `|`
    Or,
    /// `<N>`
    Phrase(u16),
}

impl Operator {
    /// PostgreSQL's number, by which queries are ordered.
    pub const fn number(self) -> u8 {
        match self {
            Operator::Not => SEND_NOT,
            Operator::And => SEND_AND,
            Operator::Or => SEND_OR,
            Operator::Phrase(_) => SEND_PHRASE,
        }
    }

    /// That of `<N>`, else 0.
    pub const fn distance(self) -> u16 {
        if let Operator::Phrase(distance) = self { distance } else { 0 }
    }

    const fn priority(self) -> u8 {
        match self {
            Operator::Or => 1,
            Operator::And => 2,
            Operator::Phrase(_) => 3,
            Operator::Not => 4,
        }
    }
}

/// Makes the node of a word, with its weights and whether it is a prefix; `None` if it does not
/// count (a stop word, no word at all).
pub type MakeWord<'f> = &'f dyn Fn(&str, u8, bool) -> Result<Option<Node>>;

struct Parser<'a> {
    words: WordReader<'a>,
    make: MakeWord<'a>,
    wait_operand: bool,
    depth: usize,
    /// Words and operators so far.
    nodes: usize,
}

/// Reads a query whose words are lexemes as they stand.
///
/// # Errors
/// `42601`, `54000`.
pub fn parse(input: &str) -> Result<TsQuery> {
    let make = |word: &str, weights: u8, prefix: bool| {
        check_word(word)?;
        Ok(Some(Node::Word { text: word.into(), weights, prefix }))
    };
    parse_with(input, &make)
}

/// Reads a query whose words `make` turns into nodes.
///
/// # Errors
/// `42601`, `54000`, and what `make` raises.
pub fn parse_with(input: &str, make: MakeWord<'_>) -> Result<TsQuery> {
    let words = WordReader { input, rest: input, query: true, name: "tsquery" };
    let mut parser = Parser { words, make, wait_operand: true, depth: 0, nodes: 0 };
    let mut operands = Vec::new();
    let closed = parser.level(&mut operands)?;
    if closed {
        return Err(parser.words.error());
    }
    Ok(TsQuery(clean_stopwords(operands.pop().unwrap_or(Tree::Stop)).0))
}

/// A parsed query in which words may have dropped out.
pub enum Tree {
    /// Nothing: a word that does not count.
    Stop,
    /// Something that stays whole.
    Word(Node),
    /// `!`
    Not(Box<Tree>),
    /// `&`
    And(Box<Tree>, Box<Tree>),
    /// `|`
    Or(Box<Tree>, Box<Tree>),
    /// `<N>`
    Phrase(Box<Tree>, Box<Tree>, u16),
}

/// The query without what dropped out, and how many positions that leaves free before and behind.
///
/// Source: PostgreSQL 16 `clean_stopword_intree`.
pub fn clean_stopwords(tree: Tree) -> (Option<Node>, u16, u16) {
    match tree {
        Tree::Word(node) => (Some(node), 0, 0),
        Tree::Stop => (None, 1, 1),
        Tree::Not(inner) => {
            let (node, left, right) = clean_stopwords(*inner);
            (node.map(|node| Node::Not(Box::new(node))), left, right)
        }
        Tree::And(a, b) => join(*a, *b, None, false),
        Tree::Or(a, b) => join(*a, *b, None, true),
        Tree::Phrase(a, b, distance) => join(*a, *b, Some(distance), false),
    }
}

fn join(a: Tree, b: Tree, distance: Option<u16>, or: bool) -> (Option<Node>, u16, u16) {
    let phrase = distance.is_some();
    let distance = distance.unwrap_or(0);
    let (left, left_add_left, left_add_right) = clean_stopwords(a);
    let (right, right_add_left, right_add_right) = clean_stopwords(b);
    match (left, right) {
        (None, None) => {
            // A whole that is gone takes the room of its longest part.
            let room = match phrase {
                true => left_add_left + distance + right_add_left,
                false => left_add_left.max(right_add_left),
            };
            (None, room, room)
        }
        (None, Some(right)) => {
            let left =
                if phrase { left_add_left + distance + right_add_left } else { right_add_left };
            (Some(right), left, right_add_right)
        }
        (Some(left), None) => {
            let right =
                if phrase { left_add_right + distance + right_add_right } else { left_add_right };
            (Some(left), left_add_left, right)
        }
        (Some(left), Some(right)) => {
            let (left, right) = (Box::new(left), Box::new(right));
            if phrase {
                let distance = (distance + left_add_right + right_add_left).min(DISTANCE_MAX);
                return (Some(Node::Phrase(left, right, distance)), left_add_left, right_add_right);
            }
            let node = if or { Node::Or(left, right) } else { Node::And(left, right) };
            (Some(node), left_add_left, right_add_right)
        }
    }
}

impl Parser<'_> {
    /// Reads up to `)` or the end into `operands`, which then has one more; true for `)`.
    fn level(&mut self, operands: &mut Vec<Tree>) -> Result<bool> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(too_deep());
        }
        let mut operators: Vec<Operator> = Vec::new();
        let closed = loop {
            self.nodes += 1;
            check_nodes(self.nodes)?;
            match self.token()? {
                Token::Word { text, weights, prefix } => {
                    operands.push(match (self.make)(&text, weights, prefix)? {
                        Some(node) => Tree::Word(node),
                        None => Tree::Stop,
                    });
                }
                Token::Operator(operator) => {
                    // Equal ones bind to the left, but `!` to the right.
                    while let Some(top) = operators.last() {
                        let before = match operator {
                            Operator::Not => operator.priority() < top.priority(),
                            _ => operator.priority() <= top.priority(),
                        };
                        if !before {
                            break;
                        }
                        if let Some(top) = operators.pop() {
                            self.apply(top, operands)?;
                        }
                    }
                    operators.push(operator);
                }
                Token::Open => {
                    if !self.level(operands)? {
                        return Err(self.words.error());
                    }
                }
                Token::Close => break true,
                Token::End => break false,
            }
        };
        while let Some(top) = operators.pop() {
            self.apply(top, operands)?;
        }
        self.depth -= 1;
        Ok(closed)
    }

    fn apply(&self, operator: Operator, operands: &mut Vec<Tree>) -> Result<()> {
        let mut pop = || operands.pop().map(Box::new).ok_or_else(|| self.words.error());
        let right = pop()?;
        let node = match operator {
            Operator::Not => Tree::Not(right),
            Operator::And => Tree::And(pop()?, right),
            Operator::Or => Tree::Or(pop()?, right),
            Operator::Phrase(distance) => Tree::Phrase(pop()?, right, distance),
        };
        operands.push(node);
        Ok(())
    }

    fn token(&mut self) -> Result<Token> {
        self.words.rest = self.words.rest.trim_start_matches(is_space);
        let rest = self.words.rest;
        let mut chars = rest.chars();
        let first = chars.next();
        if self.wait_operand {
            return match first {
                Some('!') => {
                    self.words.rest = chars.as_str();
                    Ok(Token::Operator(Operator::Not))
                }
                Some('(') => {
                    self.words.rest = chars.as_str();
                    Ok(Token::Open)
                }
                Some(':') => Err(self.words.error()),
                Some(_) => match self.words.next() {
                    Ok(Some((text, _))) => {
                        self.wait_operand = false;
                        let (weights, prefix) = self.flags();
                        Ok(Token::Word { text, weights, prefix })
                    }
                    Ok(None) => Ok(Token::End),
                    Err(error) => Err(error),
                },
                None if rest.len() == self.words.input.trim_start_matches(is_space).len() => {
                    Ok(Token::End)
                }
                None => Err(self.no_operand()),
            };
        }
        match first {
            Some('&') => {
                self.words.rest = chars.as_str();
                self.wait_operand = true;
                Ok(Token::Operator(Operator::And))
            }
            Some('|') => {
                self.words.rest = chars.as_str();
                self.wait_operand = true;
                Ok(Token::Operator(Operator::Or))
            }
            Some('<') => match self.phrase()? {
                Some(distance) => {
                    self.wait_operand = true;
                    Ok(Token::Operator(Operator::Phrase(distance)))
                }
                None => Err(self.words.error()),
            },
            Some(')') => {
                self.words.rest = chars.as_str();
                Ok(if self.depth > 1 { Token::Close } else { return Err(self.words.error()) })
            }
            Some(_) => Err(self.words.error()),
            None if self.depth > 1 => Err(self.words.error()),
            None => Ok(Token::End),
        }
    }

    fn no_operand(&self) -> SqlError {
        SqlError::new(
            SqlState::SYNTAX_ERROR,
            format!("no operand in tsquery: \"{}\"", self.words.input),
        )
    }

    /// `<->` or `<N>`.
    fn phrase(&mut self) -> Result<Option<u16>> {
        let Some(rest) = self.words.rest.strip_prefix('<') else { return Ok(None) };
        let (distance, rest) = match rest.strip_prefix('-') {
            Some(rest) => (1, rest),
            None => {
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                if digits == 0 {
                    return Ok(None);
                }
                let (number, rest) = rest.split_at(digits);
                let distance = number.parse::<u16>().ok().filter(|d| *d <= DISTANCE_MAX);
                let distance = distance.ok_or_else(|| {
                    SqlError::new(
                        SqlState::INVALID_PARAMETER_VALUE,
                        format!(
                            "distance in phrase operator must be an integer value between zero \
                             and {DISTANCE_MAX} inclusive"
                        ),
                    )
                })?;
                (distance, rest)
            }
        };
        let Some(rest) = rest.strip_prefix('>') else { return Ok(None) };
        self.words.rest = rest;
        Ok(Some(distance))
    }

    /// The weights and `*` after a word.
    fn flags(&mut self) -> (u8, bool) {
        let (mut weights, mut prefix) = (0, false);
        let Some(mut rest) = self.words.rest.strip_prefix(':') else { return (weights, prefix) };
        while let Some(c) = rest.chars().next() {
            match c {
                'a' | 'A' => weights |= 8,
                'b' | 'B' => weights |= 4,
                'c' | 'C' => weights |= 2,
                'd' | 'D' => weights |= 1,
                '*' => prefix = true,
                _ => break,
            }
            rest = rest.get(1..).unwrap_or_default();
        }
        self.words.rest = rest;
        (weights, prefix)
    }
}

/// Number of items; of each its kind and content, operators before their operands, the right one
/// first.
pub(super) fn send(query: &TsQuery, out: &mut BytesMut) {
    let count = query.0.as_ref().map_or(0, Node::count);
    out.put_i32(i32::try_from(count).unwrap_or(i32::MAX));
    if let Some(node) = &query.0 {
        send_node(node, out);
    }
}

fn send_node(node: &Node, out: &mut BytesMut) {
    if let Node::Word { text, weights, prefix } = node {
        out.put_u8(SEND_VALUE);
        out.put_u8(*weights);
        out.put_u8(u8::from(*prefix));
        out.put_slice(text.as_bytes());
        out.put_u8(0);
        return;
    }
    out.put_u8(SEND_OPERATOR);
    out.put_u8(node.operator());
    match node {
        Node::Not(inner) => send_node(inner, out),
        Node::And(left, right) | Node::Or(left, right) => {
            send_node(right, out);
            send_node(left, out);
        }
        Node::Phrase(left, right, distance) => {
            out.put_u16(*distance);
            send_node(right, out);
            send_node(left, out);
        }
        Node::Word { .. } => {}
    }
}

pub(super) fn receive(body: &mut Reader<'_>) -> Result<TsQuery> {
    match body.u32()? {
        0 => Ok(TsQuery(None)),
        _ => receive_node(body, 0).map(|node| TsQuery(Some(node))),
    }
}

fn receive_node(body: &mut Reader<'_>, depth: usize) -> Result<Node> {
    let bad = |message: &str| SqlError::internal(message);
    if depth > DEPTH_MAX {
        return Err(too_deep());
    }
    match body.u8()? {
        SEND_VALUE => {
            let (weights, prefix) = (body.u8()?, body.u8()? != 0);
            let text = receive_word(body)?;
            if weights > 0xf {
                return Err(bad("invalid tsquery: invalid weight bitmap"));
            }
            if text.len() >= LEXEME_BYTES_MAX {
                return Err(bad("invalid tsquery: operand too long"));
            }
            Ok(Node::Word { text: text.into(), weights, prefix })
        }
        SEND_OPERATOR => {
            let operator = body.u8()?;
            let distance = if operator == SEND_PHRASE { body.u16()? } else { 0 };
            let mut inner = || receive_node(body, depth + 1).map(Box::new);
            if operator == SEND_NOT {
                return Ok(Node::Not(inner()?));
            }
            let (right, left) = (inner()?, inner()?);
            match operator {
                SEND_AND => Ok(Node::And(left, right)),
                SEND_OR => Ok(Node::Or(left, right)),
                SEND_PHRASE => Ok(Node::Phrase(left, right, distance)),
                other => Err(bad(&format!("unrecognized operator type {other} in tsquery"))),
            }
        }
        other => Err(bad(&format!("unrecognized operator type: {other}"))),
    }
}
