//! When schedules are equal: if they fire at the same times, however they are written.

const MACROS: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// One of the five fields: its bounds, and the names of its values from the lower one on.
struct Field {
    low: u32,
    high: u32,
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { low: 0, high: 59, names: &[] },
    Field { low: 0, high: 23, names: &[] },
    Field { low: 1, high: 31, names: &[] },
    Field {
        low: 1,
        high: 12,
        names: &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    },
    Field { low: 0, high: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] },
];

/// A text that is equal for schedules that fire at the same times. Of what is no schedule it is the
/// text itself.
pub fn meaning(schedule: &str) -> String {
    let found = match schedule.strip_prefix("@every ") {
        Some(every) => seconds(every).map(|seconds| format!("@every {seconds}s")),
        None => {
            let named = MACROS.iter().find(|(name, _)| *name == schedule);
            times(named.map_or(schedule, |(_, fields)| fields))
        }
    };
    found.unwrap_or_else(|| schedule.to_owned())
}

fn seconds(every: &str) -> Option<u64> {
    let (number, unit) = every.split_at_checked(every.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

fn times(schedule: &str) -> Option<String> {
    let words: [&str; 5] = schedule.split_whitespace().collect::<Vec<_>>().try_into().ok()?;
    let mut sets = [0; 5];
    for (set, (word, field)) in sets.iter_mut().zip(words.iter().zip(&FIELDS)) {
        *set = values(word, field)?;
    }
    // It fires on the days of either day field, but on those of both where one restricts nothing.
    let star = |word: &str| {
        word.split(',').any(|part| {
            let (span, step) = part.split_once('/').unwrap_or((part, "1"));
            ["*", "?"].contains(&span) && step.trim_start_matches('0') == "1"
        })
    };
    let (day, weekday) = (&FIELDS[2], &FIELDS[4]);
    let mut both = star(words[2]) || star(words[4]);
    if !both && (sets[2] == all(day) || sets[4] == all(weekday)) {
        (sets[2], sets[4], both) = (all(day), all(weekday), true);
    }
    Some(format!("{sets:?} {both}"))
}

fn all(field: &Field) -> u64 {
    (field.low..=field.high).fold(0, |set, value| set | 1 << value)
}

/// The values of one field, as bits.
fn values(word: &str, field: &Field) -> Option<u64> {
    let mut set = 0;
    for part in word.split(',') {
        let (span, step) = match part.split_once('/') {
            Some((span, step)) => (span, Some(number(step).filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let (low, high) = match span.split_once('-') {
            _ if span == "*" || span == "?" => (field.low, field.high),
            Some((low, high)) => (value(low, field)?, value(high, field)?),
            None if step.is_some() => (value(span, field)?, field.high),
            None => (value(span, field)?, value(span, field)?),
        };
        if low > high {
            return None;
        }
        for value in (low..=high).step_by(step.unwrap_or(1) as usize) {
            set |= 1 << value;
        }
    }
    Some(set)
}

fn value(word: &str, field: &Field) -> Option<u32> {
    if let Some(at) = field.names.iter().position(|name| name.eq_ignore_ascii_case(word)) {
        return Some(field.low + at as u32);
    }
    number(word).filter(|value| (field.low..=field.high).contains(value))
}

fn number(word: &str) -> Option<u32> {
    word.bytes().all(|byte| byte.is_ascii_digit()).then(|| word.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::meaning;

    #[test]
    fn schedules_that_fire_at_the_same_times_are_equal() {
        for (a, b) in [
            ("*/15 * * * *", "0,15,30,45 * * * *"),
            ("0 0 * * 0", "0 0 * * SUN"),
            ("0 0 ? * 1-5", "0 0 * * mon-fri"),
            ("@daily", "@midnight"),
            ("@weekly", "0 0 * * sun"),
            ("@every 60m", "@every 1h"),
            ("0 0 1-31 * 1", "0 0 * * *"),
            ("5/20 * * * *", "5,25,45 * * * *"),
            ("0 0 */2 * 1", "0 0 1-31/2 * 1"),
            ("0 0 1,* * 1", "0 0 * * 1"),
            ("0 0 */01 * 1", "0 0 * * 1"),
        ] {
            assert_eq!(meaning(a), meaning(b), "{a} and {b}");
        }
    }

    #[test]
    fn others_are_not() {
        for (a, b) in [
            ("0 0 1 * 1", "0 0 1 * *"),
            ("0 0 1,* * 1", "0 0 * * *"),
            ("@every 60s", "* * * * *"),
            ("61 * * * *", "1 * * * *"),
            ("nonsense", "Nonsense"),
        ] {
            assert_ne!(meaning(a), meaning(b), "{a} and {b}");
        }
    }
}
