-- One token of all processes. KEYS[1] is its hash; times are milliseconds of the server's clock, from outside only what its own replies told:
--   v sealed token, f its fence, x when it expires, r from when on to renew it, p pause after the next failure to do so
--   lf fence of the lock, lu until when it holds, w fence of the lock that a caller waits for
--   e sealed error, ef fence of the fetch that it ended, es whose secret it was told to, eu until when it is told to who asks; for KEPT more to who waited
-- A fence is the ordinal of a fetch. ARGV[1] says what to do, ARGV[2] is a fence.
local key, what, fence = KEYS[1], ARGV[1], tonumber(ARGV[2])
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local LOCK, KEPT = 3000, 61000 -- how long a refusal is told, and what clocks may differ by meanwhile

-- Others may write here too. What none of these scripts can have written counts as nothing.
local h = redis.pcall('HMGET', key, 'v', 'f', 'x', 'r', 'p', 'lf', 'lu', 'w', 'e', 'ef', 'es', 'eu')
if h.err then
  if not string.find(h.err, 'WRONGTYPE', 1, true) then return h end
  redis.call('DEL', key)
  h = {}
end
local function number(i)
  local n = tonumber(h[i] or 0)
  if n and n >= 0 and n < 2 ^ 52 and n == math.floor(n) then return n end -- neither NaN nor what a reply can't tell exactly
  return 0
end
local function box(i)
  if h[i] and #h[i] <= 2 ^ 21 then return h[i] end -- twice what Login with Amazon is listened to for
end
local v, f, x, r, p, lf, lu, w = box(1), number(2), number(3), number(4), number(5), number(6), number(7), number(8)
local e, ef, es, eu = box(9), number(10), h[11], number(12)
-- a lock that would hold for longer than one does, was taken before the clock was set back
local locked = now < lu and lu <= now + LOCK

local function set(...)
  local args = {...}
  for i = 1, #args do
    if type(args[i]) == 'number' then args[i] = string.format('%d', args[i]) end
  end
  redis.call('HSET', key, unpack(args))
  redis.call('PEXPIRE', key, string.format('%d', math.max(x, eu, lu, now) - now + 60000))
end

-- The valid token, and from when on to ask for it again.
local function token(again)
  if not v or now >= x then return {'none'} end
  return {'token', f, now, x, math.min(again, x), v}
end

if what == 'get' then
  -- ARGV: fence up to which nothing can be opened there, digest of the secret, '1' if callers wait (they have no token in hand), fence of the lock
  -- that they have waited for
  local secret, wait, seen = ARGV[3], ARGV[4] == '1', tonumber(ARGV[5])
  local valid = v and f > fence and now < x
  if valid and now < r then return token(r) end
  if valid and locked then return token(now + p) end -- another process renews it
  if valid and wait then return token(now) end -- who asks next has it in hand, and renews it
  local told = eu <= now + KEPT and (now < eu or ef == seen and now < eu + KEPT)
  if not valid and e and ef > fence and es == secret and told then return {'error', ef, eu, e} end
  if locked then
    if wait and w ~= lf then set('w', lf) end
    return {'wait', lf}
  end
  lf, lu = math.max(lf, f) + 1, now + LOCK
  set('lf', lf, 'lu', lu)
  return {'fetch', lf, now}
end

if what == 'extend' then -- a lock that nobody knows of was lost with all that was here
  if lf == 0 or lf == fence and lu > 0 then
    lf, lu = fence, now + LOCK
    set('lf', lf, 'lu', lu)
  end
  return {w == fence and 'wanted' or 'none'}
end

if what == 'put' then -- ARGV: expires, renew, pause, box
  if fence > f then
    f, x, r, p, v = fence, tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
    set('f', f, 'x', x, 'r', r, 'p', p, 'v', v)
  end
  if lf == fence or lf == 0 then
    lu = 0
    set('lf', fence, 'lu', lu)
  end
  return {'none'}
end

if what == 'fail' then -- ARGV: digest of the secret, until when the error is told, box of the error or ''
  if lf == fence or lf == 0 then
    lu = 0
    if ARGV[5] ~= '' then
      ef, es, eu, e = fence, ARGV[3], tonumber(ARGV[4]), ARGV[5]
      set('ef', ef, 'es', es, 'eu', eu, 'e', e)
    end
    if v and now < x and r <= now then
      r, p = now + p, 2 * p
    end
    set('lf', fence, 'lu', lu, 'r', r, 'p', p)
  end
  return token(r)
end

if what == 'look' then return token(r) end

if what == 'drop' then
  if f == fence then
    redis.call('HDEL', key, 'v', 'x', 'r', 'p')
  end
  return {'none'}
end

return redis.error_reply('ERR no such command of a token: ' .. tostring(what))
