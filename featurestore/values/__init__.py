"""Plain values that everything else is made of: types, durations, instants, files written whole."""
