-- Writes each row, no matter what the server holds.
for i = 1, n do put(KEYS[i + 1], ARGV[i + 2]) end
return done()
