"""Plain values that every other room uses: types, durations, instants, atomic files."""
