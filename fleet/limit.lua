-- limit.lua is one run for the calls of one process that wait for a path of buckets: it takes note of what the process has seen, lets calls
-- through, and says when to come back. step.go writes its request and reads its reply; docs/fleet.md tells what lies on the server.
--
-- KEYS, per bucket of the path, narrow to wide: b, the bucket (string); p, the places in its queue (sorted set); c, who waits there (hash). After them
-- the operation's index of its buckets (sorted set of their labels by when they end, in milliseconds).
-- ARGV: the request, a list in JSON.
-- All times are microseconds, those on the server by its clock. Every sum stays below 2^53, so that numbers are exact.

local floor, ceil, min, max, format = math.floor, math.ceil, math.min, math.max, string.format

local SECOND = 1000000
local MARGIN = 1.005 -- a token's time over 1/rate
local HORIZON = 1000000000000000 -- 31 years: the longest time that is reckoned with
local MOST = 1000000000 -- calls that wait; nobody here writes more
local YEAR = 365 * 86400 * SECOND
local FIRST_LAG = 100000
local FIRST_REPLY = SECOND
local LAG_LIFE = 600 * SECOND
local TARDINESS = 5000
local PASSES = 14 -- how many may pass a lower priority before it has its turn
local JITTER = 100000 -- by how much the arrival of one call may seem to differ from run to run
local GRACE = 300000 -- after a promise, until the place is lost
local FUTURE = 120 * SECOND -- a promise farther away was made by another clock
local KEPT = 3600 * SECOND -- a bucket after it is full, as the limiter in one process keeps it
local INDEXED = 600 * SECOND -- how often a bucket in use is put into the index again
local QUEUE_KEPT = 60 * SECOND -- a queue after its last promise
-- What one run does is bounded, whatever others wrote:
local LEVELS = 64 -- of a queue that are looked at: of 32 priorities, if processes and buckets wait with each
local SWEEPS = 4 -- of a queue, each with
local SWEPT = 100 -- of its places
local LONGEST = 10000 -- what is written of a party, in characters; nobody here writes more

local clock = redis.call('TIME')
local now = clock[1] * SECOND + clock[2]

local request, at = cjson.decode(ARGV[1]), 0 -- one list costs less than as many arguments
local function value()
  at = at + 1
  return request[at]
end

local n, ahead, keep, bound, before, peers = value(), value(), value(), value(), value(), value()
local id, host, calls = value(), value(), value()

---------------------------------------------------------------- buckets
-- These are the functions of bucket.go, which says why they are as they are. What is added: a call may be granted before it is due, for its time.

local function span(b, count) return min(count, floor(HORIZON / b.step)) * b.step end

local function setRate(b, told)
  b.told, b.rate = told, tonumber(told)
  b.step = min(max(ceil(SECOND / b.rate * MARGIN), 1), YEAR)
  b.room = span(b, b.burst) - b.step
end

local function missing(b, t) return min(max(b.full - t, 0), HORIZON) end

-- slot is when the call after i more may be sent, as far as the calls of a window say; 0: whenever it comes.
local function slot(b, i)
  local call = b.sentThen[#b.sentThen - b.burst + 1 + i]
  return call and call.at + b.window + b.lag or 0
end

local function slide(b, t)
  b.sentThen[#b.sentThen + 1] = { at = t, take = b.takes }
  if #b.sentThen > b.burst then table.remove(b.sentThen, 1) end
end

-- delay is how long from t until the next call may be sent; 0 or less: it may.
local function delay(b, t)
  if b.window > 0 then return max(b.full, slot(b, 0)) - t end
  if b.own > 0 then return 0 end
  return missing(b, t) - b.room
end

local function allowance(b, late)
  if b.burst == 1 or b.window > 0 then return b.lag end
  return min(b.lag, b.room - late)
end

local function quickest(b)
  if b.replies <= 1 then return 0 end
  if b.replies < 10 then return b.shortest / 2 end
  return b.shortest
end

local function lateness(b, latency)
  if b.replies < 30 then return latency end
  return max(latency - max(b.shortest - 4 * b.deviation, 0), 0)
end

local function take(b, t)
  local idle = t - b.sent
  if idle >= LAG_LIFE and b.takes > 0 then b.lag = floor(b.lag / 2 ^ min(floor(idle / LAG_LIFE), 52)) end
  b.takes = b.takes + 1
  b.sent, b.lagging = t, 0
  if b.window > 0 then
    local last = b.sentThen[#b.sentThen]
    if not last or last.at + b.window + b.lag <= t then b.longest = 0 end
    slide(b, t)
    return
  end
  local late = 0
  if b.full > t then
    late = min(max(-delay(b, t), 0), TARDINESS, floor(b.room / 2))
  else
    b.own, b.longest, b.raised = b.burst, 0, b.takes
  end
  b.own = max(b.own - 1, 0)
  local arrived = t + allowance(b, late)
  if arrived > b.full then b.full, b.lagging, b.raised = arrived, b.takes, b.takes end
  b.full = b.full + b.step
end

-- giveBack undoes a take that Amazon has not counted, as far as that is sure: not if the bucket would have been full since, since then
-- a token would come from nothing.
local function giveBack(b, ordinal)
  if ordinal <= 0 or ordinal > b.takes then return end
  if b.window > 0 then
    for i, call in ipairs(b.sentThen) do
      if call.take == ordinal then
        b.full = max(b.full, call.at) -- those before it count until then
        table.remove(b.sentThen, i)
        break
      end
    end
    return
  end
  if ordinal < b.raised or ordinal <= b.drained or b.full <= now then return end
  if b.burst == 1 then -- it was due when it was taken
    b.full = min(b.full, b.sent)
    b.raised = b.takes + 1
  else
    b.full = b.full - b.step
    if b.own > 0 then b.own = min(b.own + 1, b.burst) end
  end
  if ordinal == b.lagging then b.lagging = 0 end
end

local function arrived(b, ordinal, t)
  local full = b.full - span(b, b.takes - max(ordinal, b.raised) + 1)
  if t > full then b.full = b.full + min(t - full, allowance(b, 0)) end
end

local function note(b, latency)
  b.longest = max(b.longest, latency)
  b.replies = b.replies + 1
  if b.replies == 1 then
    b.shortest, b.mean, b.deviation = latency, latency, latency / 2
  else
    b.shortest = min(b.shortest, latency)
    b.deviation = b.deviation + (math.abs(latency - b.mean) - b.deviation) / 4
    b.mean = b.mean + (latency - b.mean) / 8
  end
  b.lag = max(b.lag, floor(min(b.longest - quickest(b), max(SECOND, b.step))))
end

local function learn(b, told)
  local rate = tonumber(told)
  if not rate or rate <= 0 or rate == math.huge or rate ~= rate or rate == b.rate then return end
  local tokens = missing(b, now) / b.step
  setRate(b, told)
  b.full = now + floor(min(tokens * b.step, HORIZON))
end

-- drain says that nothing is left in Amazon's bucket since t.
local function drain(b, t)
  b.own, b.lagging = 0, 0
  b.full = max(b.full, t + (b.window > 0 and b.step or span(b, b.burst)))
end

-- lose makes up for writes that the server lost: others took meanwhile, and nobody knows how much.
local function lose(b)
  if b.seen <= b.takes then return end
  b.takes, b.raised = b.seen, b.seen
  drain(b, now)
  for _ = 1, b.window > 0 and b.burst or 0 do slide(b, now) end
end

-- observe takes note of a reply that came at t. What a 429 and the rate are about is the seller's bucket: see spapi.LimitReply.
local function observe(b, t, ordinal, latency, flags, told)
  local throttled, refused, answered = flags % 2 == 1, floor(flags / 2) % 2 == 1, flags < 4
  if b.scope == 0 then learn(b, told) end
  local late = lateness(b, latency)
  if answered then
    note(b, latency)
    if ordinal > b.drained and ordinal <= b.takes and b.window == 0 then
      arrived(b, ordinal, t - latency + floor(min(latency - quickest(b), allowance(b, min(TARDINESS, floor(b.room / 2))))))
    end
  end
  if refused and b.scope < 0 then
    if ordinal == b.takes or b.window > 0 then giveBack(b, ordinal) end
  elseif throttled then
    if b.scope == 0 and (ordinal == 0 or ordinal > b.drained) then
      b.drained, b.replies = b.takes, 0
      drain(b, t)
    end
  elseif answered and b.burst == 1 and b.window == 0 and ordinal ~= 0 and ordinal == b.lagging then
    b.full, b.lagging = b.sent + late + b.step, 0
  end
end

local function owe(b, debt)
  if debt <= 0 then return end
  b.own, b.takes = 0, b.takes + debt
  b.raised = b.takes
  if b.window > 0 then
    for _ = 1, min(debt, b.burst) do slide(b, now) end
  else
    b.full = max(b.full, min(max(b.full, now) + span(b, debt), now + span(b, b.burst)))
  end
end

-- fullIn is how long until the bucket is full again.
local function fullIn(b)
  if b.window > 0 then return max(max(b.full, slot(b, b.burst - 1)) - now, 0) end
  return missing(b, now)
end

-- expected is when a call can be let through if the reply to the last one comes as usual.
local function expected(b)
  local due = now + max(delay(b, now), 0)
  if b.burst > 1 or b.window > 0 or b.lagging == 0 or due <= now then return due end
  local usual = b.sent + lateness(b, b.mean) + b.step
  if usual <= now then usual = now + min(max(b.step / 8, 5000), 100000) end -- it is late: to look again soon costs less than to wait for the worst
  return min(due, usual)
end

-- after is how long until count more calls could have been sent.
local function after(b, count)
  if b.window > 0 then
    local whole, i = b.window + b.lag, max(count - 1, 0)
    return min(max(max(b.full, slot(b, i % b.burst)) - now, 0) + floor(i / b.burst) * whole, HORIZON)
  end
  local own, lack = b.own, missing(b, now)
  if lack == 0 then own = b.burst end
  if count <= own then return 0 end
  if b.burst == 1 then
    local usual = lateness(b, b.mean)
    local due = b.sent + usual + b.step - now
    if b.lagging ~= 0 and due > 0 then lack = min(lack, due) end
    local each = b.step + usual
    return min(lack + min(count - 1, floor(HORIZON / each)) * each, HORIZON)
  end
  if own > 0 then lack = max(lack, allowance(b, 0)) end
  return min(max(lack + span(b, count) - span(b, b.burst), 0), HORIZON)
end

-- A bucket lies in b as a list in JSON:
--  1 at, 2 full, 3 own, 4 sent, 5 takes, 6 lag, 7 longest, 8 shortest, 9 replies, 10 lagging, 11 mean, 12 deviation, 13 drained, 14 burst: numbers
--  15 raised, the last take before which the bucket may have been full, or which the lag delays the next one for
--  16 rate, as it was told (text)
-- The rest is left out while it says nothing:
--  17 waits: how many calls are in its queue
--  18 key: its place in the wider queue, after its last turn there
--  19 since: when its queue last was empty; 20 stamp: the last place given there
--  21 turn: when a call that waits there itself last had its turn beside narrower buckets
--  22 turns: how levels took turns there (text, see pacer)
--  23 and on, of a window: the time and the ordinal of each of its calls
-- at is when it was written, all other times are differences to it.

local FAR = 8 * HORIZON -- nobody here writes more

local function whole(f, from, to)
  for j = from, to do
    local v = f[j]
    if type(v) ~= 'number' or not (v > -FAR and v < FAR) then return false end
  end
  return true
end

-- kept reads a bucket; nil: nobody here wrote that.
local function kept(text)
  local ok, f = pcall(cjson.decode, text)
  if not (ok and type(f) == 'table' and whole(f, 1, 15) and f[6] >= 0 and f[14] >= 1) then return nil end
  if type(f[16]) ~= 'string' or not string.find(f[16], '^%d+%.?%d*$') or tonumber(f[16]) <= 0 then return nil end
  if f[17] == nil then return f end
  if whole(f, 17, 21) and type(f[22]) == 'string' and string.find(f[22], '^[%d -]*$') and #f % 2 == 0 and whole(f, 23, #f) then return f end
  return nil
end

local function load(i)
  local label, scope, told, burst, window, seen, debt = value(), value(), value(), value(), value(), value(), value()
  local was = redis.call('GET', KEYS[3 * i - 2])
  local f = was and kept(was)
  local new = not f
  if new then f = { now, 0, 0, -now, 0, 0, 0, 0, 0, 0, 0, 0, 0, burst, 0, told } end
  local base = min(f[1], now) -- what lies ahead moves with the clock, where that was put back
  local b = {
    label = label, scope = scope, window = window, seen = seen, debt = debt, hash = KEYS[3 * i - 2], new = new, was = was, wasAt = f[1], wasTakes = f[5],
    jumped = f[1] > now + SECOND,
    full = max(base + f[2], 0), own = f[3], sent = max(base + f[4], 0), takes = f[5], lag = f[6], longest = f[7], shortest = f[8], replies = f[9],
    lagging = f[10], mean = f[11], deviation = f[12], drained = f[13], burst = f[14], raised = f[15],
    told = false, rate = 0, step = 0, room = 0, sentThen = false, waits = 0, key = 0, since = 0, stamp = 0, turn = 0, turns = '',
  }
  setRate(b, f[16])
  if new then
    b.lag = min(FIRST_LAG, b.step)
    if burst == 1 or window > 0 then b.lag = max(b.lag, FIRST_REPLY - b.step) end
  end
  if f[17] then
    b.waits, b.key, b.since, b.stamp, b.turn = f[17], max(base + f[18], 0), max(base + f[19], 0), max(base + f[20], 0), max(base + f[21], 0)
    b.turns = f[22]
  end
  if window > 0 then
    b.sentThen = {}
    for j = 23, #f, 2 do b.sentThen[#b.sentThen + 1] = { at = max(base + f[j], 0), take = f[j + 1] } end
  end
  b.full = min(b.full, now + span(b, b.burst) + b.step + b.lag + SECOND)
  return b
end

-- written is what store writes at that time.
local function written(b, at)
  local rest = ''
  if b.window > 0 or b.waits ~= 0 or b.stamp ~= 0 or b.key ~= 0 or b.since ~= 0 or b.turn ~= 0 or b.turns ~= '' then
    rest = format(',%.0f,%.0f,%.0f,%.0f,%.0f,"%s"', b.waits, b.key - at, b.since - at, b.stamp - at, b.turn - at, b.turns)
  end
  if b.window > 0 and #b.sentThen > 0 then
    local list = { rest }
    for j, call in ipairs(b.sentThen) do list[j + 1] = format('%.0f,%.0f', call.at - at, call.take) end
    rest = table.concat(list, ',')
  end
  return format('[%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,"%s"%s]', at, b.full - at, b.own, b.sent - at, b.takes, b.lag,
    b.longest, b.shortest, b.replies, b.lagging, b.mean, b.deviation, b.drained, b.burst, b.raised, b.told, rest)
end

local function store(b)
  if b.new and b.takes == 0 and b.replies == 0 and b.stamp == 0 and b.turns == '' then return end
  if b.takes == b.wasTakes and b.was and written(b, b.wasAt) == b.was then return end
  local ttl = (fullIn(b) + KEPT) / 1000
  redis.call('SET', b.hash, written(b, now), 'PX', format('%.0f', ttl))
  if b.new or floor(now / INDEXED) ~= floor(b.wasAt / INDEXED) then
    local index = KEYS[3 * n + 1]
    redis.call('ZREMRANGEBYSCORE', index, '-inf', format('%.0f', now / 1000))
    redis.call('ZADD', index, format('%.0f', (now + INDEXED) / 1000 + ttl), b.label)
    if redis.call('PTTL', index) < ttl + INDEXED / 1000 then redis.call('PEXPIRE', index, format('%.0f', ttl + INDEXED / 1000)) end
  end
end

---------------------------------------------------------------- the request

local buckets, queues = {}, {} -- a queue is only read if there may be one
for i = 1, n do buckets[i] = load(i) end
for i, b in ipairs(buckets) do
  if b.jumped then redis.call('DEL', KEYS[3 * i - 1], KEYS[3 * i]) end -- times of another clock: who waits says so again
  lose(b)
  owe(b, b.debt)
end

local heads = {}
local shown, levels = value(), value()
local rest = calls - shown
for j = 1, shown + levels do
  local h = { priority = value(), mine = true, narrow = false, index = j - 1, key = max(now - value(), 0), count = value() }
  if j > shown then rest = rest - h.count end
  heads[j] = h
end
if shown > 0 then heads[shown].count = 1 + max(rest, 0) end -- those that aren't shown have its priority
local news = value()
for _ = 1, news do
  local ordinals = {}
  for i = 1, n do ordinals[i] = value() end
  local latency, ago, flags, told = value(), value(), value(), value()
  for i = 1, n do observe(buckets[i], now - ago, ordinals[i], latency, flags, told) end
end
for _ = 1, value() do
  news = news + 1
  for i = 1, n do giveBack(buckets[i], value()) end
end

---------------------------------------------------------------- the reply

local back, refused, wait, longest = 0, 0, 0, 1
local grants, left = {}, calls

local function answer()
  local reply = { back, refused, ceil(wait), longest - 1, #grants }
  for _, g in ipairs(grants) do
    for _, v in ipairs(g) do reply[#reply + 1] = v end
  end
  for i, b in ipairs(buckets) do
    local at = #reply
    reply[at + 1], reply[at + 2], reply[at + 3], reply[at + 4] = b.told, b.burst, fullIn(b), max(delay(b, now), 0)
    reply[at + 5], reply[at + 6], reply[at + 7] = b.lag, b.takes, queues[i] and queues[i].total or 0
  end
  return reply
end

---------------------------------------------------------------- nothing waits
-- Most runs end here: nobody is in a queue of the path, and all calls of the process are let through. What follows would do the same, and more.

local quiet = (calls > 0 or news > 0) and calls == shown and (bound < 0 or calls == 1)
for i = 1, n do
  local b = buckets[i]
  quiet = quiet and b.waits == 0 and not b.new and not b.jumped
end
for j = 2, #heads do quiet = quiet and heads[j].priority == heads[1].priority end
while quiet and left > 0 do
  local t = now
  for i = 1, n do
    local d = delay(buckets[i], now)
    t = max(t, now + d)
    if d > (bound < 0 and ahead or 0) then quiet = false end
  end
  if quiet then
    local g = { heads[1].index, t - now }
    for i = 1, n do
      take(buckets[i], t)
      g[i + 2] = buckets[i].takes
    end
    grants[#grants + 1] = g
    left = left - 1
    table.remove(heads, 1)
  end
end
if quiet then
  for i = 1, n do
    local b = buckets[i]
    if b.stamp < now then b.since, b.stamp, b.turn, b.turns = 0, 0, 0, '' end -- of queues that are no more
    if i < n then b.key = 0 end
    store(b)
  end
  return answer()
end

for i, b in ipairs(buckets) do
  local q = { bucket = b, narrow = buckets[i - 1], p = KEYS[3 * i - 1], c = KEYS[3 * i], mine = {}, total = 0, more = 0 }
  q.party = i == 1 and id or string.match(KEYS[3 * i - 5], '([^:]*):b$') -- the name of the bucket
  q.top = redis.call('ZRANGE', q.p, 0, 0, 'WITHSCORES')
  if i == 1 and #q.top == 0 and calls > 0 then q.read = true end
  queues[i] = q
end

---------------------------------------------------------------- queues
-- A party of the narrowest bucket is a process, that of a wider one the next narrower bucket. A place is a member of p. Its name begins with its time, in
-- sixteen digits, and goes on with the party; its score is twice the priority, negated, and one more for a bucket: those of one priority take turns, and all
-- calls that wait here themselves are as one party then. In c is, for each party, what parse reads.

local function score(place) return -2 * place.priority + (place.narrow and 1 or 0) end

local function member(key, party, j) return format('%016.0f', key) .. party .. format(':%02d', j) end

local function partyOf(name) return string.sub(name, 17, -4) end

-- parse reads what c has of a party, a list in JSON: until when it promised to come back, how many calls of it wait; of a bucket: when it is full, the time of
-- what it holds beyond one token, its step (0: it is a process); the process (its host, or of a bucket who had it take its place); and its places, each with
-- priority, time and how many calls it stands for.
local function parse(value)
  if not value or #value > LONGEST then return nil end
  local ok, f = pcall(cjson.decode, value)
  if not (ok and type(f) == 'table' and whole(f, 1, 5) and f[2] >= 0 and f[2] < MOST) then return nil end
  if type(f[6]) ~= 'string' or string.find(f[6], '[%c%s"\\]') or #f % 3 ~= 0 or not whole(f, 7, #f) then return nil end
  local e = { promise = f[1], calls = f[2], full = f[3], room = f[4], step = f[5], who = f[6], places = {} }
  for j = 7, #f, 3 do e.places[(j - 4) / 3] = { priority = f[j], key = f[j + 1], count = f[j + 2] } end
  return e
end

local function write(e)
  local f = { format('[%.0f,%.0f,%.0f,%.0f,%.0f,"%s"', e.promise, e.calls, e.full, e.room, e.step, e.who) }
  for j, m in ipairs(e.places) do f[j + 1] = format('%d,%.0f,%.0f', m.priority, m.key, m.count) end
  return table.concat(f, ',') .. ']'
end

local function dead(e) return not (e and e.promise + GRACE >= now and e.promise <= now + FUTURE) end

local function remove(q, party, e)
  if not e or #e.places == 0 then return end
  local names = {}
  for j, m in ipairs(e.places) do names[j] = member(m.key, party, j) end
  redis.call('ZREM', q.p, unpack(names))
end

-- own is what is known of our party in a queue.
local function own(q)
  if not q.read then
    q.read = true
    local r = redis.call('HMGET', q.c, q.party, '#')
    q.entry, q.total = parse(r[1]), r[2] and tonumber(r[2]) or 0
    if not (q.total >= 0 and q.total < MOST) then q.total = 0 end
  end
  return q.entry
end

-- others is the first of each level, processes and buckets apart, the highest first, of all but our party. Of more than LEVELS those are the highest.
local function others(q)
  if q.others then return q.others end
  if #q.top > 0 and not q.withdrawn then
    q.withdrawn = true
    local e = own(q)
    if e and #e.places > 0 then
      remove(q, q.party, e)
      q.top = redis.call('ZRANGE', q.p, 0, 0, 'WITHSCORES')
    end
  end
  q.others = {}
  local r = q.top
  while #r > 0 do
    local name = r[1]
    local score = tonumber(r[2])
    q.others[#q.others + 1] = {
      priority = -floor(score / 2), narrow = score % 2 == 1, name = name, key = tonumber(string.sub(name, 1, 16)) or 0, party = partyOf(name),
    }
    if #q.others == LEVELS then break end
    r = redis.call('ZRANGEBYSCORE', q.p, '(' .. r[2], '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  end
  return q.others
end

-- sweep ends the places of parties that didn't keep their promise, and those that nobody knows of, among the first of all and of each level.
local function sweep(q)
  own(q)
  local names, parties, known = redis.call('ZRANGE', q.p, 0, SWEPT - 1), {}, {}
  for _, place in ipairs(q.others) do names[#names + 1] = place.name end
  for _, name in ipairs(names) do
    local party = partyOf(name)
    if not known[party] and party ~= q.party then
      known[party] = true
      parties[#parties + 1] = party
    end
  end
  local entries, gone, places = #parties > 0 and redis.call('HMGET', q.c, unpack(parties)) or {}, {}, {}
  for j, party in ipairs(parties) do
    local e = parse(entries[j])
    if dead(e) then
      known[party] = false
      gone[#gone + 1] = party
      if e then
        for k, m in ipairs(e.places) do places[#places + 1] = member(m.key, party, k) end
        q.total = max(q.total - e.calls, 0)
        q.more = q.more - e.calls
      end
    end
  end
  for _, name in ipairs(names) do
    if not known[partyOf(name)] then places[#places + 1] = name end -- ours are withdrawn: what is left nobody knows of
  end
  for j = 1, #places, 1000 do redis.call('ZREM', q.p, unpack(places, j, min(j + 999, #places))) end
  if #gone > 0 then redis.call('HDEL', q.c, unpack(gone)) end
  q.evicted, q.sweeps = true, (q.sweeps or 0) + 1
  q.others, q.top = nil, redis.call('ZRANGE', q.p, 0, 0, 'WITHSCORES')
end

-- pacer reads how levels took turns: see turns.go.
local function pacer(q)
  if q.count then return end
  q.count, q.raised, q.marks = 0, false, {}
  local f = {}
  for word in string.gmatch(q.bucket.turns, '%S+') do f[#f + 1] = tonumber(word) end
  if #f >= 2 then
    q.count, q.raised = f[1], f[2] == 1
    for j = 3, #f - 1, 2 do q.marks[f[j]] = f[j + 1] end
  end
end

-- comesBefore says which of two places of one priority is first.
local function comesBefore(q, a, b)
  local x, y = a.key, b.key
  if a.narrow ~= b.narrow then
    local turn = q.bucket.turn
    if turn < q.bucket.since then turn = 0 end
    if a.narrow then y = max(turn, y) else x = max(turn, x) end
  end
  if x ~= y then return x < y end
  return (a.party or q.party) < (b.party or q.party)
end

-- pick finds whose turn is next: a place, which has mine set if it is one of ours; nil if nobody waits.
local function pick(q)
  pacer(q)
  while true do
    local levels, theirs = {}, others(q)
    local i, j = 1, 1
    while i <= #theirs or j <= #q.mine do
      local priority = max(theirs[i] and theirs[i].priority or -math.huge, q.mine[j] and q.mine[j].priority or -math.huge)
      local best
      while theirs[i] and theirs[i].priority == priority do
        if not best or comesBefore(q, theirs[i], best) then best = theirs[i] end
        i = i + 1
      end
      if q.mine[j] and q.mine[j].priority == priority and (not best or comesBefore(q, q.mine[j], best)) then best = q.mine[j] end
      while q.mine[j] and q.mine[j].priority == priority do j = j + 1 end
      levels[#levels + 1] = best
    end
    q.levels = levels
    if #levels == 0 then return nil end
    local best = 1
    for k, l in ipairs(levels) do
      local mark = q.marks[l.priority] or q.count
      q.marks[l.priority] = mark
      if k > 1 and not q.raised and q.count - mark >= PASSES and (best == 1 or mark < q.marks[levels[best].priority]) then best = k end
    end
    local place = levels[best]
    if place.mine then return place end
    local e = place.party ~= q.party and parse(redis.call('HGET', q.c, place.party)) or nil -- ours are withdrawn: what is left nobody knows of
    q.swamped = dead(e) and q.sweeps == SWEEPS -- the next run goes on
    if not dead(e) or q.swamped then
      q.ahead = e
      return place
    end
    sweep(q)
  end
end

-- nextStamp is a time for a place that nobody else has there.
local function nextStamp(b)
  b.stamp = max(now, b.stamp + 1)
  return b.stamp
end

local function turn(q, place)
  q.count = q.count + 1
  q.marks[place.priority] = q.count
  q.raised = place.priority ~= q.levels[1].priority
  if #q.others > 0 then
    local stamp = nextStamp(q.bucket)
    if q.narrow then q.narrow.key = stamp else q.bucket.turn = stamp end
  end
end

-- placeKey is the time by which bucket i-1 stands in queue i: that of its last turn there, so that parties take turns, or of its coming, if it hasn't
-- had one since the queue was last empty.
local function placeKey(i)
  local q, e = queues[i], own(queues[i])
  if e and #e.places > 0 and not q.taken then return e.places[1].key end
  local b, narrow = buckets[i], buckets[i - 1]
  if #q.top > 0 and narrow.key >= b.since and b.since > 0 then return narrow.key end
  return nil
end

local function stand(i, priority)
  local q = queues[i]
  local key = placeKey(i)
  if not key then
    key = nextStamp(buckets[i])
    if #q.top == 0 then buckets[i].since = key end
  end
  buckets[i - 1].key = key
  q.mine = { { priority = priority, key = key, count = 1, mine = true, narrow = true } }
end

---------------------------------------------------------------- estimates

-- upTo is how many of count calls a party lets through within that time.
local function upTo(e, count, within)
  local first = max(e.full, now) - e.room
  return max(min(count, floor((now + within - first) / e.step) + 1), 0)
end

-- parties is what is known of the others in a queue.
local function parties(q)
  local list, r = {}, redis.call('HGETALL', q.c)
  for j = 1, #r, 2 do
    if r[j] ~= q.party and r[j] ~= '#' then
      local e = parse(r[j + 1])
      if not dead(e) then list[#list + 1] = e end
    end
  end
  return list
end

-- estimate is how long a call waits, and the bucket that makes it wait longest, if nobody comes or leaves, no rate changes and replies come as usual.
-- In each bucket its party has turns, and others theirs between them: all calls that wait there themselves are one party, each narrower bucket is one.
local function estimate(call)
  local wait, longest, turns = 0, 1, 1
  for i = 1, n do
    local q, b = queues[i], buckets[i]
    local list, key = parties(q), call.key
    local higher, equal, direct = 0, 0, HORIZON
    if i == 1 then
      higher, equal = before - peers, peers
    else
      key = placeKey(i) or now + SECOND
    end
    for _, e in ipairs(list) do
      for _, m in ipairs(e.step == 0 and e.places or {}) do
        if m.priority > call.priority then
          higher = higher + m.count
        elseif m.priority == call.priority and (i > 1 or m.key < key) then
          equal, direct = equal + m.count, min(direct, m.key)
        end
      end
    end
    local passing = 0
    if i == 1 then
      turns = 1 + equal
      passing = min(higher, turns * PASSES)
      if b.turn >= b.since then key = b.turn end
    elseif higher + equal > 0 then
      if b.turn >= b.since then direct = b.turn end
      passing = min(higher, turns * PASSES) + min(equal, direct < key and turns or turns - 1)
    end
    turns = turns + passing
    local own, longer = turns - passing, max(wait, after(b, turns))
    for _ = 1, 8 do
      passing = turns
      for _, e in ipairs(list) do
        local m = e.places[1]
        if e.step > 0 and (not m or m.priority >= call.priority) then
          local most = own
          if m and m.priority == call.priority and key < m.key then most = own - 1 end
          passing = passing + upTo(e, min(e.calls, most), longer)
        end
      end
      local w = after(b, passing)
      if w <= longer then break end
      longer = w
    end
    turns = passing
    if longer > wait then wait, longest = longer, i end
  end
  return wait, longest
end

local looks = false -- at the wait alone
if bound >= 0 and heads[1] then
  wait, longest = estimate(heads[1])
  if wait > bound then refused = 1 end
  looks = refused == 1 or calls > 1
end

---------------------------------------------------------------- grants

-- settle gives calls that the server knows the time that they had, so that their order among those of other processes stays, whatever the network does.
local function settle()
  local e = own(queues[1])
  local places, j = e and e.places or {}, 1
  for i, h in ipairs(heads) do
    while places[j] and (places[j].priority > h.priority or places[j].priority == h.priority and places[j].key < h.key - JITTER) do j = j + 1 end
    local known = places[j]
    if known and known.priority == h.priority and known.key <= h.key + JITTER then h.key, j = known.key, j + 1 end
    local before = heads[i - 1]
    if before and before.priority == h.priority then h.key = max(h.key, before.key) end
  end
end

local blocked, first = 0, false
if not looks then
  queues[1].mine = heads
  settle()
  while #heads > 0 do
    local t, chosen = now, {}
    blocked = 0
    for i = 1, n do
      local q = queues[i]
      if i > 1 then stand(i, chosen[1].priority) end
      local place = pick(q)
      if not place.mine then
        blocked, first = i, false
        break
      end
      if place.spent then
        blocked = -1
        break
      end
      chosen[i] = place
      local d = delay(buckets[i], now)
      if d > ahead then
        blocked, first = i, true
        break
      end
      t = max(t, now + d)
    end
    if blocked ~= 0 then break end
    local g = { chosen[1].index, t - now }
    for i = 1, n do
      local q = queues[i]
      take(buckets[i], t)
      turn(q, chosen[i])
      g[#g + 1] = buckets[i].takes
      if i > 1 then
        q.mine, q.taken = {}, true
      end
    end
    grants[#grants + 1] = g
    left = left - 1
    local c = chosen[1]
    if c.count > 1 then -- others that the process doesn't show keep the place, but only it knows which is next
      c.count, c.spent = c.count - 1, true
    else
      for j, h in ipairs(heads) do
        if h == c then
          table.remove(heads, j)
          break
        end
      end
    end
  end
end

---------------------------------------------------------------- places and when to come back

-- goingOn is how many calls of a narrow queue wait for a wider bucket in the end, e being the narrow bucket's entry there: those that another path takes
-- to another one, or to none, don't.
local function goingOn(e, narrow)
  if not e then return left > 0 and narrow.total or 0 end
  return min(max(e.calls + narrow.more, 0), narrow.total)
end

if calls == 0 then -- such a step also finds out whether all of the path can be used
  for _, q in ipairs(queues) do own(q) end
end
if not looks then
  local busy = left > 0
  for i, q in ipairs(queues) do
    busy = busy or #q.top > 0 or q.evicted or q.withdrawn
    q.busy = busy
    if busy then
      local e = own(q)
      if i == 1 then
        if e and not q.withdrawn then remove(q, q.party, e) end
        if left > 0 and not e and #q.top == 0 then q.bucket.since = nextStamp(q.bucket) end
        q.next = { promise = 0, calls = left, full = 0, room = 0, step = 0, who = host, places = q.mine }
      else
        local narrow = buckets[i - 1]
        q.next = { promise = 0, calls = goingOn(e, queues[i - 1]), full = narrow.full, room = narrow.room, step = narrow.step, who = id, places = q.mine }
        if narrow.window > 0 then q.next.full, q.next.room, q.next.step = now + max(delay(narrow, now), 0), 0, max(floor(narrow.window / narrow.burst), 1) end
        if narrow.burst == 1 then q.next.step = narrow.step + floor(lateness(narrow, narrow.mean)) end
        if e and #e.places > 0 and #q.mine == 0 and not q.taken then
          if e.who == id or q.next.calls == 0 or i == blocked + 1 and first then
            if not q.withdrawn then remove(q, q.party, e) end
          else -- it was taken for another process, which comes for it
            q.next.who, q.next.places, q.kept = e.who, e.places, e.promise
          end
        elseif e and #q.mine == 0 and not q.taken then
          q.next.promise = e.promise
        end
        if e and #e.places > 0 and #q.mine > 0 and not q.withdrawn then remove(q, q.party, e) end
      end
      local total = q.total
      q.total = max(total - (e and e.calls or 0) + q.next.calls, 0)
      q.more = q.more + q.total - total
      if #q.mine > 0 then
        local args = {}
        for j, m in ipairs(q.mine) do
          args[#args + 1] = format('%d', score(m))
          args[#args + 1] = member(m.key, q.party, j)
        end
        redis.call('ZADD', q.p, unpack(args))
      end
    end
  end

  -- turnsUntil is how many go before a place of ours, as far as is known.
  local function turnsUntil(q, m, j)
    local rank = redis.call('ZRANK', q.p, member(m.key, q.party, j))
    local above, level = 0, score(m)
    local lower = m.priority < q.levels[1].priority
    if lower or m.narrow then above = redis.call('ZCOUNT', q.p, '-inf', format('(%d', level)) end
    if m.narrow then -- calls that wait here themselves take turns with it
      local beside = redis.call('ZCOUNT', q.p, format('%d', level - 1), format('%d', level - 1))
      rank, above = rank - beside, above - beside
      rank = rank + min(beside, rank - above + 1)
    end
    if not lower then return rank end
    return min(rank, max(PASSES - (q.count - (q.marks[m.priority] or q.count)), 0) + (rank - above) * (PASSES + 1))
  end

  if left > 0 and blocked > 0 then
    local q, b = queues[blocked], buckets[blocked]
    local due, lead = expected(b), ahead * 3 / 4 -- who comes a moment before a call can be let through has to come twice
    local least = min(max(b.step / 2, 1000), 100000)
    if first then
      back = max(due - lead - now, 1000)
    elseif q.swamped then
      back = least
    else
      local turns, level = HORIZON, 0
      for j, m in ipairs(q.mine) do
        if j == 1 or q.mine[j - 1].priority ~= m.priority then
          local r = turnsUntil(q, m, j)
          if r < turns then turns, level = r, 1 - 2 * m.priority end
        end
      end
      turns = max(turns, 1)
      back = max(min(after(b, turns + 1), due - now + turns * b.step) - lead, q.ahead.promise - now + least, least)
      if turns == 1 then back = min(back, max(due - now, 0) + SECOND) end
      -- In a wider bucket others of its level and above have turns between ours, not those below: to come for these too would leave our turn to them.
      for i = blocked + 1, n do back = max(back, turns * redis.call('ZCOUNT', queues[i].p, '-inf', format('%d', level)) * buckets[i].step / 2) end
    end
    back = ceil(min(back, keep))
  end

  for _, m in ipairs(queues[1].mine) do
    if m.spent then back = 0 end -- it holds the place of a call that is through: others go away for as long as that would take
  end

  for i, q in ipairs(queues) do
    if q.busy then
      if q.next.calls > 0 then
        q.next.promise = q.kept or max(q.next.promise, now + back)
        redis.call('HSET', q.c, q.party, write(q.next), '#', format('%.0f', q.total))
      elseif q.total > 0 then
        if q.entry then redis.call('HDEL', q.c, q.party) end
        if q.entry or q.evicted then redis.call('HSET', q.c, '#', format('%.0f', q.total)) end
      else
        redis.call('DEL', q.p, q.c)
      end
      if q.total > 0 then
        local ttl = format('%.0f', (QUEUE_KEPT + keep) / 1000)
        redis.call('PEXPIRE', q.p, ttl)
        redis.call('PEXPIRE', q.c, ttl)
      end
    end
    if not q.busy and q.bucket.waits > 0 then own(q) end
    if q.busy or q.bucket.waits > 0 then q.bucket.waits = q.total end
    local turns = ''
    local lone = q.levels and q.levels[1] -- it keeps what passed it: others may be back in a moment
    if lone and (#q.levels > 1 or q.count > q.marks[lone.priority]) then
      local f = { format('%.0f %d', q.count, q.raised and 1 or 0) }
      for j, l in ipairs(q.levels) do f[j + 1] = format('%d %.0f', l.priority, q.marks[l.priority]) end
      turns = table.concat(f, ' ')
    elseif not q.levels then
      turns = q.bucket.turns
    end
    q.bucket.turns = turns
  end
else
  for _, q in ipairs(queues) do
    if #q.top > 0 then own(q) end
  end
end
for _, b in ipairs(buckets) do store(b) end
return answer()
