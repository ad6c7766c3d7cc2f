-- Compares rows by their timestamps. `least` and `most` are set by scripts.py.
local no_created = string.char(128, 0, 0, 0, 0, 0, 0, 0)
-- Returns the event and the created timestamp as 16 bytes; nil for bytes that are not a row of this
-- format. The lowest bit of the first byte marks a row with a created timestamp.
local function stamps(row)
  local first = row and row:byte(1)
  if not first or first < least or first > most or #row < 13 then return nil end
  if first % 2 == 0 then return row:sub(6, 13) .. no_created end
  return #row >= 21 and row:sub(6, 21)
end
-- Returns -1 if a is older than b, 1 if it is newer, 0 if they are equal. By halves of 32 bits, since
-- a number in Lua is exact up to 53 bits only.
local function compare(a, b)
  local a1, a2, a3, a4 = struct.unpack('>i4I4i4I4', a)
  local b1, b2, b3, b4 = struct.unpack('>i4I4i4I4', b)
  if a1 ~= b1 then return a1 < b1 and -1 or 1 end
  if a2 ~= b2 then return a2 < b2 and -1 or 1 end
  if a3 ~= b3 then return a3 < b3 and -1 or 1 end
  if a4 ~= b4 then return a4 < b4 and -1 or 1 end
  return 0
end
