"""What samples say: ratios with their intervals, and verdicts on claims."""
