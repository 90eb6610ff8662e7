//! Character encodings: their names, `convert` and its kin, `to_ascii`.
//!
//! The database's encoding is UTF8. What others mean is looked up in `encoding_rs`, whose tables are
//! those of the web; LATIN1 and LATIN5, which the web takes for Windows' code pages, are worked out
//! here.
//!
//! Source: PostgreSQL 16 `encnames.c`, `mbutils.c`, `ascii.c`.

use encoding_rs as rs;
use types::{Result, SqlError, SqlState};

use crate::convert::scalars;
use crate::errors::{integer_out_of_range, invalid_parameter};

scalars! { pub(crate) const TABLE =
    "PG_encoding_to_char"(code: i32) => name_of(code).unwrap_or("");
    "PG_char_to_encoding"(name: &str) => code_of(name).unwrap_or(-1);
    "pg_encoding_max_length_sql"(code: i32) => name_of(code).map(|_| max_length(code));
    "pg_convert_from"(a: &[u8], name: &str) => decode(a, named(name, "source")?)?;
    "pg_convert_to"(a: &str, name: &str) => encode(a, named(name, "destination")?)?;
    "pg_convert"(a: &[u8], from: &str, to: &str) => convert(a, from, to)?;
    "length_in_encoding"(a: &[u8], name: &str) => {
        let code = code_of(name).ok_or_else(|| invalid_parameter(format!("invalid encoding name \"{name}\"")))?;
        i32::try_from(decode(a, code)?.chars().count()).map_err(|_| integer_out_of_range())?
    };
    "to_ascii_default"(text: &str) => to_ascii(text, UTF8)?;
    "to_ascii_enc"(text: &str, code: i32) => match name_of(code) {
        Some(_) => to_ascii(text, code)?,
        None => return Err(SqlError::new(SqlState::UNDEFINED_OBJECT, format!("{code} is not a valid encoding code"))),
    };
    "to_ascii_encname"(text: &str, name: &str) => match code_of(name) {
        Some(code) => to_ascii(text, code)?,
        None => return Err(SqlError::new(SqlState::UNDEFINED_OBJECT, format!("{name} is not a valid encoding name"))),
    };
}

const SQL_ASCII: i32 = 0;
const UTF8: i32 = 6;
const LATIN1: i32 = 8;
const LATIN5: i32 = 12;

/// Names by PostgreSQL's numbers, with the other names, in lower case without signs.
const ENCODINGS: [(&str, &[&str]); 42] = [
    ("SQL_ASCII", &[]),
    ("EUC_JP", &[]),
    ("EUC_CN", &[]),
    ("EUC_KR", &[]),
    ("EUC_TW", &[]),
    ("EUC_JIS_2004", &[]),
    ("UTF8", &["unicode"]),
    ("MULE_INTERNAL", &[]),
    ("LATIN1", &["iso88591"]),
    ("LATIN2", &["iso88592"]),
    ("LATIN3", &["iso88593"]),
    ("LATIN4", &["iso88594"]),
    ("LATIN5", &["iso88599"]),
    ("LATIN6", &["iso885910"]),
    ("LATIN7", &["iso885913"]),
    ("LATIN8", &["iso885914"]),
    ("LATIN9", &["iso885915"]),
    ("LATIN10", &["iso885916"]),
    ("WIN1256", &["windows1256"]),
    ("WIN1258", &["abc", "tcvn", "tcvn5712", "vscii", "windows1258"]),
    ("WIN866", &["alt", "windows866"]),
    ("WIN874", &["windows874"]),
    ("KOI8R", &["koi8"]),
    ("WIN1251", &["win", "windows1251"]),
    ("WIN1252", &["windows1252"]),
    ("ISO_8859_5", &[]),
    ("ISO_8859_6", &[]),
    ("ISO_8859_7", &[]),
    ("ISO_8859_8", &[]),
    ("WIN1250", &["windows1250"]),
    ("WIN1253", &["windows1253"]),
    ("WIN1254", &["windows1254"]),
    ("WIN1255", &["windows1255"]),
    ("WIN1257", &["windows1257"]),
    ("KOI8U", &[]),
    ("SJIS", &["mskanji", "shiftjis", "win932", "windows932"]),
    ("BIG5", &["win950", "windows950"]),
    ("GBK", &["win936", "windows936"]),
    ("UHC", &["win949", "windows949"]),
    ("GB18030", &[]),
    ("JOHAB", &[]),
    ("SHIFT_JIS_2004", &["shiftjis2004"]),
];

fn name_of(code: i32) -> Option<&'static str> {
    ENCODINGS.get(usize::try_from(code).ok()?).map(|(name, _)| *name)
}

/// Whether PostgreSQL knows an encoding by this name.
pub fn is_encoding(name: &str) -> bool {
    code_of(name).is_some()
}

fn code_of(name: &str) -> Option<i32> {
    let plain = |name: &str| -> String {
        let kept = name.chars().filter(char::is_ascii_alphanumeric);
        kept.map(|c| c.to_ascii_lowercase()).collect()
    };
    let wanted = plain(name);
    let found = ENCODINGS
        .iter()
        .position(|(name, others)| plain(name) == wanted || others.contains(&wanted.as_str()))?;
    i32::try_from(found).ok()
}

fn named(name: &str, role: &str) -> Result<i32> {
    code_of(name)
        .ok_or_else(|| invalid_parameter(format!("invalid {role} encoding name \"{name}\"")))
}

/// Bytes of the longest character.
const fn max_length(code: i32) -> i32 {
    match code {
        4 | 6 | 7 | 39 => 4,
        1..=3 | 5 | 40 => 3,
        35..=38 | 41 => 2,
        _ => 1,
    }
}

/// What `encoding_rs` calls it; `None` if it does not know it.
fn table(code: i32) -> Option<&'static rs::Encoding> {
    Some(match code {
        1 => rs::EUC_JP,
        2 | 37 => rs::GBK,
        3 | 38 => rs::EUC_KR,
        9 => rs::ISO_8859_2,
        10 => rs::ISO_8859_3,
        11 => rs::ISO_8859_4,
        13 => rs::ISO_8859_10,
        14 => rs::ISO_8859_13,
        15 => rs::ISO_8859_14,
        16 => rs::ISO_8859_15,
        17 => rs::ISO_8859_16,
        18 => rs::WINDOWS_1256,
        19 => rs::WINDOWS_1258,
        20 => rs::IBM866,
        21 => rs::WINDOWS_874,
        22 => rs::KOI8_R,
        23 => rs::WINDOWS_1251,
        24 => rs::WINDOWS_1252,
        25 => rs::ISO_8859_5,
        26 => rs::ISO_8859_6,
        27 => rs::ISO_8859_7,
        28 => rs::ISO_8859_8,
        29 => rs::WINDOWS_1250,
        30 => rs::WINDOWS_1253,
        31 => rs::WINDOWS_1254,
        32 => rs::WINDOWS_1255,
        33 => rs::WINDOWS_1257,
        34 => rs::KOI8_U,
        35 => rs::SHIFT_JIS,
        36 => rs::BIG5,
        39 => rs::GB18030,
        _ => return None,
    })
}

/// The letters in which LATIN5 differs from LATIN1.
const TURKISH: [(u8, char); 6] =
    [(0xd0, 'Ğ'), (0xdd, 'İ'), (0xde, 'Ş'), (0xf0, 'ğ'), (0xfd, 'ı'), (0xfe, 'ş')];

fn unknown(code: i32) -> SqlError {
    let name = name_of(code).unwrap_or_default();
    SqlError::unsupported(format!("conversion between {name} and UTF8 is not supported"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("0x{byte:02x}")).collect::<Vec<_>>().join(" ")
}

fn no_equivalent(bytes: &[u8], from: i32, to: i32) -> SqlError {
    let (from, to) = (name_of(from).unwrap_or_default(), name_of(to).unwrap_or_default());
    SqlError::new(
        SqlState::UNTRANSLATABLE_CHARACTER,
        format!(
            "character with byte sequence {} in encoding \"{from}\" has no equivalent in encoding \
             \"{to}\"",
            hex(bytes)
        ),
    )
}

fn invalid_bytes(bytes: &[u8], code: i32) -> SqlError {
    let name = name_of(code).unwrap_or_default();
    SqlError::new(
        SqlState::CHARACTER_NOT_IN_REPERTOIRE,
        format!("invalid byte sequence for encoding \"{name}\": {}", hex(bytes)),
    )
}

fn utf8(bytes: &[u8]) -> Result<String> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text.to_owned()),
        Ok(_) => Err(invalid_bytes(&[0], UTF8)),
        Err(error) => {
            let rest = bytes.get(error.valid_up_to()..).unwrap_or(&[]);
            let expected = match rest.first().copied().unwrap_or(0) {
                0xf0.. => 4,
                0xe0.. => 3,
                0xc0.. => 2,
                _ => 1,
            };
            Err(invalid_bytes(rest.get(..expected.min(rest.len())).unwrap_or(&[]), UTF8))
        }
    }
}

/// Bytes of an encoding as text.
fn decode(bytes: &[u8], code: i32) -> Result<String> {
    if code != UTF8 && code != SQL_ASCII && bytes.contains(&0) {
        return Err(invalid_bytes(&[0], code));
    }
    match code {
        UTF8 | SQL_ASCII => return utf8(bytes),
        LATIN1 => return Ok(bytes.iter().map(|byte| char::from(*byte)).collect()),
        LATIN5 => {
            let letter = |byte: &u8| {
                let own = TURKISH.iter().find(|(own, _)| own == byte);
                own.map_or(char::from(*byte), |(_, letter)| *letter)
            };
            return Ok(bytes.iter().map(letter).collect());
        }
        _ => {}
    }
    let table = table(code).ok_or_else(|| unknown(code))?;
    if let Some(text) = table.decode_without_bom_handling_and_without_replacement(bytes) {
        return Ok(text.into_owned());
    }
    // The character that cannot be read.
    let mut decoder = table.new_decoder_without_bom_handling();
    let mut out = String::with_capacity(bytes.len() * 3 + 16);
    let (result, read) = decoder.decode_to_string_without_replacement(bytes, &mut out, true);
    let length = match result {
        rs::DecoderResult::Malformed(length, after) => usize::from(length + after),
        _ => 1,
    };
    let bad = bytes.get(read.saturating_sub(length)..read).unwrap_or_default();
    match max_length(code) {
        1 => Err(no_equivalent(bad, code, UTF8)),
        _ => Err(invalid_bytes(bad, code)),
    }
}

/// Text as bytes of an encoding.
fn encode(text: &str, code: i32) -> Result<Vec<u8>> {
    let missing = |c: char| no_equivalent(c.to_string().as_bytes(), UTF8, code);
    match code {
        UTF8 | SQL_ASCII => return Ok(text.as_bytes().to_vec()),
        LATIN1 | LATIN5 => {
            let byte = |c: char| {
                let own = TURKISH.iter().filter(|_| code == LATIN5);
                match own.clone().find(|(_, letter)| *letter == c) {
                    Some((byte, _)) => Ok(*byte),
                    None => match u8::try_from(u32::from(c)) {
                        Ok(byte) if !own.clone().any(|(own, _)| *own == byte) => Ok(byte),
                        _ => Err(missing(c)),
                    },
                }
            };
            return text.chars().map(byte).collect();
        }
        _ => {}
    }
    let table = table(code).ok_or_else(|| unknown(code))?;
    let mut encoder = table.new_encoder();
    let mut out = Vec::with_capacity(text.len() * 2 + 16);
    let (result, _) = encoder.encode_from_utf8_to_vec_without_replacement(text, &mut out, true);
    match result {
        rs::EncoderResult::Unmappable(c) => Err(missing(c)),
        _ => Ok(out),
    }
}

/// Bytes of one encoding in another; of SQL_ASCII, which stands for any, as they are.
fn convert(bytes: &[u8], from: &str, to: &str) -> Result<Vec<u8>> {
    let (source, destination) = (named(from, "source")?, named(to, "destination")?);
    if source == SQL_ASCII && destination != UTF8 {
        return Ok(bytes.to_vec());
    }
    encode(&decode(bytes, source)?, destination)
}

/// The bytes of a text, which are taken for those of an encoding, with letters for accented ones.
fn to_ascii(text: &str, code: i32) -> Result<String> {
    let (first, letters): (u8, &[u8]) = match name_of(code) {
        Some("LATIN1") => (
            160,
            b"  cL Y  \"Ca  -R     'u .,      ?AAAAAAACEEEEIIII NOOOOOxOUUUUYTBaaaaaaaceeeeiiii nooooo/ouuuuyty",
        ),
        Some("LATIN2") => (
            160,
            b" A L LS \"SSTZ-ZZ a,l'ls ,sstz\"zzRAAAALCCCEEEEIIDDNNOOOOxRUUUUYTBraaaalccceeeeiiddnnoooo/ruuuuyt.",
        ),
        Some("LATIN9") => (
            160,
            b"  cL YS sCa  -R     Zu .z   EeY?AAAAAAACEEEEIIII NOOOOOxOUUUUYTBaaaaaaaceeeeiiii nooooo/ouuuuyty",
        ),
        Some("WIN1250") => (
            128,
            b"  ' \"    %S<STZZ `'\"\".--  s>stzz   L A  \"CS  -RZ  ,l'u .,as L\"lzRAAAALCCCEEEEIIDDNNOOOOxRUUUUYTBraaaalccceeeeiiddnnoooo/ruuuuyt ",
        ),
        name => {
            return Err(SqlError::unsupported(format!(
                "encoding conversion from {} to ASCII not supported",
                name.unwrap_or_default()
            )));
        }
    };
    let letter = |byte: u8| match byte {
        0..=127 => char::from(byte),
        _ => byte
            .checked_sub(first)
            .and_then(|at| letters.get(usize::from(at)))
            .map_or(' ', |letter| char::from(*letter)),
    };
    Ok(text.bytes().map(letter).collect())
}
