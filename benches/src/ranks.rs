//! Whether two sets of samples come from one distribution: the rank test of Mann and Whitney.

/// What the test says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankTest {
    /// How often a sample of the second set is larger than one of the first; a half when there is nothing to tell them by.
    pub larger: f64,
    /// The chance of a difference at least as large if there is none, by the normal approximation, corrected for ties.
    pub p: f64,
}

/// Compares two sets of samples. With fewer than some twenty in each, the approximation is none.
///
/// ```
/// use crm_benches::ranks::mann_whitney;
/// let (low, high): (Vec<u64>, Vec<u64>) = ((0..40).collect(), (20..60).collect());
/// let apart = mann_whitney(&low, &high);
/// assert!(apart.larger > 0.87 && apart.p < 1e-6);
/// assert_eq!(mann_whitney(&low, &low).larger, 0.5);
/// assert!(mann_whitney(&low, &low).p > 0.99);
/// ```
pub fn mann_whitney(first: &[u64], second: &[u64]) -> RankTest {
    let mut all: Vec<(u64, bool)> = first.iter().map(|value| (*value, false)).collect();
    all.extend(second.iter().map(|value| (*value, true)));
    all.sort_unstable();
    let (mut ranks_of_second, mut ties, mut before) = (0.0, 0.0, 0.0);
    for equal in all.chunk_by(|a, b| a.0 == b.0) {
        let count = equal.len() as f64;
        // Equal samples share the mean of their ranks.
        let rank = before + f64::midpoint(count, 1.0);
        ranks_of_second += rank * equal.iter().filter(|(_, is_second)| *is_second).count() as f64;
        ties += count * (count * count - 1.0);
        before += count;
    }
    let (n, m) = (first.len() as f64, second.len() as f64);
    let (pairs, total) = (n * m, n + m);
    let u = ranks_of_second - m * (m + 1.0) / 2.0;
    let variance = pairs / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    let z = if variance > 0.0 { (u - pairs / 2.0) / variance.sqrt() } else { 0.0 };
    RankTest { larger: u / pairs, p: two_sided(z) }
}

/// The chance that a normal variable lies further out, to seven digits (Abramowitz and Stegun, 7.1.26).
fn two_sided(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let terms = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    (terms.iter().fold(0.0, |sum, term| (sum + term) * t) * (-x * x).exp()).min(1.0)
}
