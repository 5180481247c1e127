-- What has been handled of one key, and who handles it. Replies: 0 fresh, 1 late, 2 handled, 3 busy.
-- KEYS[1]  hash: holder, until (milliseconds), last (time of the newest message handled, microseconds)
-- KEYS[2]  sorted set: names of messages that have been handled, by when they are forgotten
-- ARGV     claim, done or release; holder; lease and span in milliseconds; time of the message in microseconds, or ""; how many names; its names
local what, holder, lease, span, at = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local first, final = 7, 6 + tonumber(ARGV[6])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local key = redis.call('HMGET', KEYS[1], 'holder', 'until', 'last')
local held, last = key[1], tonumber(key[3] or '')
local until_ = tonumber(key[2] or '') or 0

if what == 'claim' then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
  for i = first, final do
    if redis.call('ZRANK', KEYS[2], ARGV[i]) then return 2 end
  end
  if held and held ~= holder and now < until_ then return 3 end
  redis.call('HSET', KEYS[1], 'holder', holder, 'until', string.format('%.0f', now + lease))
  redis.call('PEXPIRE', KEYS[1], math.max(span, lease))
  if last and at and at < last then return 1 end
  return 0
end

if held == holder then redis.call('HDEL', KEYS[1], 'holder', 'until') end
if what == 'done' then
  for i = first, final do
    redis.call('ZADD', KEYS[2], string.format('%.0f', now + span), ARGV[i])
  end
  redis.call('PEXPIRE', KEYS[2], span)
  if at and (not last or at > last) then
    redis.call('HSET', KEYS[1], 'last', string.format('%.0f', at))
  end
  redis.call('PEXPIRE', KEYS[1], span)
end
return 0
