-- Every script for rows begins with this.
-- KEYS: the guard, then the key of each row.
-- ARGV: the guard's token, the expiry shifts (of the event, then of the end; empty: no expiry), then
-- one value per row for each column.
-- Returns {applied, refused}; {-1, 0} comes from the guard, and then nothing is written.
local n, applied, refused = #KEYS - 1, 0, 0
