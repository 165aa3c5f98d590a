//! Who waits, and who is next.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::grant::Subject;

/// A line for each subject, served in turn: who asks a thousand times waits in a line of its own.
#[derive(Debug)]
pub(super) struct Queue<T> {
    lines: HashMap<Subject, Line<T>>,
    /// Whose turn is when; each subject that waits is here once.
    turns: BTreeMap<u64, Subject>,
    waiting: usize,
}

#[derive(Debug)]
struct Line<T> {
    turn: u64,
    waiters: VecDeque<(u64, T)>,
}

impl<T> Queue<T> {
    pub(super) fn len(&self) -> usize {
        self.waiting
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// How many wait in a subject's line.
    pub(super) fn len_of(&self, subject: &Subject) -> usize {
        self.lines.get(subject).map_or(0, |line| line.waiters.len())
    }

    /// The number of the next turn, where anybody waits.
    pub(super) fn next_turn(&self) -> Option<u64> {
        self.turns.keys().next().copied()
    }

    /// Adds a waiter by the number that it is known by. `number` grows from call to call.
    pub(super) fn push(&mut self, subject: &Subject, number: u64, waiter: T) {
        let turns = &mut self.turns;
        let line = self
            .lines
            .entry(Subject::clone(subject))
            .or_insert_with(|| {
                turns.insert(number, Subject::clone(subject));
                Line {
                    turn: number,
                    waiters: VecDeque::new(),
                }
            });
        line.waiters.push_back((number, waiter));
        self.waiting += 1;
    }

    /// The first of the line whose turn it is. If more of that line wait, their next turn is `number`.
    pub(super) fn pop(&mut self, number: u64) -> Option<(Subject, T)> {
        let (_, subject) = self.turns.pop_first()?;
        let line = self.lines.get_mut(&subject)?;
        let (_, waiter) = line.waiters.pop_front()?;
        self.waiting -= 1;
        if line.waiters.is_empty() {
            self.lines.remove(&subject);
        } else {
            line.turn = number;
            self.turns.insert(number, Subject::clone(&subject));
        }
        Some((subject, waiter))
    }

    /// Takes one out who no longer waits.
    pub(super) fn remove(&mut self, subject: &Subject, number: u64) -> Option<T> {
        let line = self.lines.get_mut(subject)?;
        let place = line.waiters.iter().position(|(it, _)| *it == number)?;
        let (_, waiter) = line.waiters.remove(place)?;
        self.waiting -= 1;
        if line.waiters.is_empty() {
            self.remove_line(subject);
        }
        Some(waiter)
    }

    /// Takes a subject's whole line out.
    pub(super) fn remove_line(&mut self, subject: &Subject) -> Vec<T> {
        let Some(line) = self.lines.remove(subject) else {
            return Vec::new();
        };
        self.turns.remove(&line.turn);
        self.waiting -= line.waiters.len();
        line.waiters.into_iter().map(|(_, waiter)| waiter).collect()
    }

    /// Takes out all for whom there is nothing to wait for.
    pub(super) fn remove_if(&mut self, mut is_in_vain: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut removed = Vec::new();
        let turns = &mut self.turns;
        self.lines.retain(|_, line| {
            let waiters = std::mem::take(&mut line.waiters);
            for (number, waiter) in waiters {
                if is_in_vain(&waiter) {
                    removed.push(waiter);
                } else {
                    line.waiters.push_back((number, waiter));
                }
            }
            if line.waiters.is_empty() {
                turns.remove(&line.turn);
            }
            !line.waiters.is_empty()
        });
        self.waiting -= removed.len();
        removed
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            lines: HashMap::new(),
            turns: BTreeMap::new(),
            waiting: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(names: &str) -> Vec<Subject> {
        names.chars().map(|name| name.to_string().into()).collect()
    }

    fn queue(who: &str) -> Queue<usize> {
        let mut queue = Queue::default();
        for (number, name) in names(who).iter().enumerate() {
            queue.push(name, number as u64, number);
        }
        queue
    }

    fn served(queue: &mut Queue<usize>) -> String {
        (1_000..)
            .map_while(|number| queue.pop(number))
            .map(|(name, _)| name.to_string())
            .collect()
    }

    #[test]
    fn u4_subjects_are_served_in_turn_and_each_in_order() {
        assert_eq!(served(&mut queue("aaaaab")), "abaaaa");
        assert_eq!(served(&mut queue("aabbcc")), "abcabc");
        let mut queue = queue("aba");
        assert_eq!(queue.pop(10).unwrap().1, 0);
        assert_eq!(queue.pop(11).unwrap().1, 1);
        assert_eq!(queue.pop(12).unwrap().1, 2);
    }

    #[test]
    fn who_leaves_is_skipped_and_leaves_nothing_behind() {
        let mut queue = queue("abacb");
        assert_eq!(queue.remove(&"a".into(), 0), Some(0));
        assert_eq!(queue.remove(&"a".into(), 0), None);
        assert_eq!(queue.remove_line(&"b".into()), [1, 4]);
        assert_eq!((queue.len(), queue.len_of(&"a".into())), (2, 1));
        assert_eq!(queue.remove_if(|&number| number == 3), [3]);
        assert_eq!(served(&mut queue), "a");
        assert!(queue.lines.is_empty() && queue.turns.is_empty());
    }

    proptest! {
        /// Whatever happens, its three parts agree, and nobody is served twice before everybody who waited was served.
        #[test]
        fn nobody_starves(steps in prop::collection::vec((0..6_u8, 0..5_u8), 1..200)) {
            let mut queue = Queue::<u64>::default();
            for (number, &(step, who)) in (0_u64..).zip(&steps) {
                let who: Subject = who.to_string().into();
                match step {
                    0..=2 => queue.push(&who, number, number),
                    3 => {
                        queue.remove_line(&who);
                    }
                    4 => {
                        queue.remove_if(|waiter| waiter % 3 == 0);
                    }
                    _ => {
                        queue.pop(number);
                    }
                }
                let waiting: usize = queue.lines.values().map(|line| line.waiters.len()).sum();
                prop_assert_eq!(waiting, queue.len());
                prop_assert_eq!(queue.turns.len(), queue.lines.len());
                for (turn, subject) in &queue.turns {
                    prop_assert_eq!(queue.lines[subject].turn, *turn);
                }
            }
            let lines = queue.lines.len();
            let first: Vec<_> = (10_000..).take(lines).map(|number| queue.pop(number).unwrap().0).collect();
            let mut once = first.clone();
            once.sort();
            once.dedup();
            prop_assert_eq!(once.len(), first.len());
        }
    }
}
