//! Bars made of block characters, or of ASCII.

use super::glyphs::Glyphs;

/// The steps of a cell.
const STEPS: usize = 8;

/// Draws values as columns that are `height` cells high, the newest on the right, scaled to the largest.
///
/// A value above zero is never drawn as nothing: little traffic is not none.
pub(crate) fn columns(values: &[f64], height: usize, glyphs: &Glyphs) -> Vec<String> {
    let most = values.iter().copied().fold(0.0, f64::max);
    let heights: Vec<usize> = values.iter().map(|value| steps(*value, most, height * STEPS)).collect();
    let cell = |from: usize, steps: usize| glyphs.heights[steps.saturating_sub(from).min(STEPS)];
    let row = |row: usize| {
        let from = (height - 1 - row) * STEPS;
        heights.iter().map(|steps| cell(from, *steps)).collect()
    };
    (0..height).map(row).collect()
}

/// Draws a share from 0 to 1 as a horizontal bar of at most `columns` cells. A share above zero has at least one.
pub(crate) fn bar(share: f64, columns: usize, glyphs: &Glyphs) -> String {
    glyphs.bar.repeat(steps(share, 1.0, columns))
}

/// Splits `columns` cells among values by their size. Every value above zero has at least one cell.
pub(crate) fn split(values: &[f64], columns: usize) -> Vec<usize> {
    let sum: f64 = values.iter().sum();
    let mut cells: Vec<usize> = values.iter().map(|value| steps(*value, sum, columns)).collect();
    // Rounding may give one cell more or less than there are: the largest part can spare it.
    let used: usize = cells.iter().sum();
    if let Some(largest) = cells.iter_mut().max() {
        *largest = (*largest + columns).saturating_sub(used);
    }
    cells
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "cells of a screen are few, and shares are not below zero"
)]
fn steps(value: f64, most: f64, steps: usize) -> usize {
    if value <= 0.0 || most <= 0.0 || steps == 0 {
        return 0;
    }
    ((value / most * steps as f64).round() as usize).clamp(1, steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::terminal::Charset;

    const UTF8: Glyphs = Glyphs::of(Charset::Utf8);

    #[test]
    fn a_little_is_not_nothing() {
        assert_eq!(columns(&[0.0, 0.001, 50.0, 100.0], 1, &UTF8), [" ▁▄█"]);
        assert_eq!(columns(&[0.0, 0.0], 1, &UTF8), ["  "]);
        assert_eq!(bar(0.0001, 10, &UTF8), "█");
        assert_eq!(bar(0.0, 10, &UTF8), "");
    }

    #[test]
    fn a_high_chart_has_the_tops_above() {
        assert_eq!(columns(&[25.0, 75.0, 100.0], 2, &UTF8), [" ▄█", "▄██"]);
    }

    #[test]
    fn parts_fill_the_bar_exactly() {
        assert_eq!(split(&[1.0, 1.0, 1.0], 20).iter().sum::<usize>(), 20);
        assert_eq!(split(&[0.001, 98.0, 0.0], 20), [1, 19, 0]);
        assert_eq!(split(&[0.0, 0.0], 20).len(), 2);
    }
}
