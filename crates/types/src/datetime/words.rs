//! Keywords of date-time and interval input.
//!
//! Source: PostgreSQL 16 `datetktbl` and `deltatktbl`.

/// What a word in a date or time means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// 1 ..= 12.
    Month(i32),
    /// A weekday: accepted, not checked.
    Weekday,
    /// `am` / `pm`.
    Am,
    /// See `Am`.
    Pm,
    /// `ad` / `bc`.
    Ad,
    /// See `Ad`.
    Bc,
    /// `at`, `on`.
    Ignore,
    /// `dst`.
    SummerTime,
    /// `j`, `jd`, `julian`.
    Julian,
    /// `t` before an ISO time.
    IsoTime,
    /// `now`
    Now,
    /// `today`
    Today,
    /// `tomorrow`
    Tomorrow,
    /// `yesterday`
    Yesterday,
    /// `allballs`: 00:00:00 UTC.
    Zulu,
    /// `epoch`
    Epoch,
    /// `infinity`
    Infinity,
    /// `-infinity`
    NegInfinity,
    /// A unit that `extract` knows and input does not.
    Unit,
}

/// Looks a lower-case word up.
pub(super) fn find(word: &str) -> Option<Word> {
    Some(match word {
        "jan" | "january" => Word::Month(1),
        "feb" | "february" => Word::Month(2),
        "mar" | "march" => Word::Month(3),
        "apr" | "april" => Word::Month(4),
        "may" => Word::Month(5),
        "jun" | "june" => Word::Month(6),
        "jul" | "july" => Word::Month(7),
        "aug" | "august" => Word::Month(8),
        "sep" | "sept" | "september" => Word::Month(9),
        "oct" | "october" => Word::Month(10),
        "nov" | "november" => Word::Month(11),
        "dec" | "december" => Word::Month(12),
        "sun" | "sunday" | "mon" | "monday" | "tue" | "tues" | "tuesday" | "wed" | "wednesday"
        | "weds" | "thu" | "thur" | "thurs" | "thursday" | "fri" | "friday" | "sat"
        | "saturday" => Word::Weekday,
        "am" => Word::Am,
        "pm" => Word::Pm,
        "ad" => Word::Ad,
        "bc" => Word::Bc,
        "at" | "on" => Word::Ignore,
        "dst" => Word::SummerTime,
        "j" | "jd" | "julian" => Word::Julian,
        "t" => Word::IsoTime,
        "now" => Word::Now,
        "today" => Word::Today,
        "tomorrow" => Word::Tomorrow,
        "yesterday" => Word::Yesterday,
        "allballs" => Word::Zulu,
        "epoch" => Word::Epoch,
        "infinity" | "+infinity" => Word::Infinity,
        "-infinity" => Word::NegInfinity,
        "d" | "dow" | "doy" | "h" | "isodow" | "isoyear" | "m" | "mm" | "s" | "y" => Word::Unit,
        _ => return None,
    })
}

/// A unit of time in intervals, `extract` and `date_trunc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after SQL's units")]
pub enum Unit {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
    Millennium,
    Dow,
    IsoDow,
    Doy,
    IsoYear,
    Julian,
    Epoch,
    Timezone,
    TimezoneHour,
    TimezoneMinute,
}

/// What a word in an interval means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IntervalWord {
    Unit(Unit),
    Ago,
}

/// Looks a lower-case interval word up; only the first ten letters count.
pub(super) fn find_interval(word: &str) -> Option<IntervalWord> {
    Some(match word.get(..10).unwrap_or(word) {
        "ago" => IntervalWord::Ago,
        _ => IntervalWord::Unit(find_unit(word)?),
    })
}

/// Looks a lower-case unit up; only the first ten letters count.
fn find_unit(word: &str) -> Option<Unit> {
    Some(match word.get(..10).unwrap_or(word) {
        "microsecon" | "us" | "usec" | "usecond" | "useconds" | "usecs" => Unit::Microsecond,
        "millisecon" | "ms" | "msec" | "msecond" | "mseconds" | "msecs" => Unit::Millisecond,
        "s" | "sec" | "second" | "seconds" | "secs" => Unit::Second,
        "m" | "min" | "mins" | "minute" | "minutes" => Unit::Minute,
        "h" | "hour" | "hours" | "hr" | "hrs" => Unit::Hour,
        "d" | "day" | "days" => Unit::Day,
        "w" | "week" | "weeks" => Unit::Week,
        "mon" | "mons" | "month" | "months" => Unit::Month,
        "qtr" | "quarter" => Unit::Quarter,
        "y" | "year" | "years" | "yr" | "yrs" => Unit::Year,
        "dec" | "decade" | "decades" | "decs" => Unit::Decade,
        "c" | "cent" | "centuries" | "century" => Unit::Century,
        "mil" | "millennia" | "millennium" | "mils" => Unit::Millennium,
        "timezone" => Unit::Timezone,
        "timezone_h" => Unit::TimezoneHour,
        "timezone_m" => Unit::TimezoneMinute,
        _ => return None,
    })
}

impl Unit {
    /// The unit that `date_trunc` names: a length of time.
    pub(super) fn find_length(name: &str) -> Option<Unit> {
        find_unit(&name.to_ascii_lowercase())
    }

    /// The unit that `extract` or `date_trunc` names, in any case; `None` if there is no such.
    pub fn find(name: &str) -> Option<Unit> {
        let lower = name.to_ascii_lowercase();
        find_unit(&lower).or_else(|| {
            Some(match lower.as_str() {
                "dow" => Unit::Dow,
                "isodow" => Unit::IsoDow,
                "doy" => Unit::Doy,
                "isoyear" => Unit::IsoYear,
                "j" | "jd" | "julian" => Unit::Julian,
                "epoch" => Unit::Epoch,
                _ => return None,
            })
        })
    }
}
