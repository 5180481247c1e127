-- hello.lua says that a process is there, and counts those that are.
--
-- KEYS: the processes (sorted set: when each said hello last); the moment at which all share limits again that were on their own; the processes once more
-- (sorted set: all with one score, and so in order of their names).
-- ARGV: the process; 1 if it is on its own and would share again; after how many microseconds a process that is silent counts no more.
-- Replies with the number of processes; how long, in microseconds, a process that is on its own is to stay so; how many processes come before this one in order
-- of names, -1: not known; the time.

local FRESH = 2500000 -- who said hello within it shares limits already
local AHEAD = 1500000 -- of the moment
local MOST = 1000 -- processes that one hello forgets: those behind it come with the next

local kept = tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

local wait = 0
if ARGV[2] == '1' then
  local moment = tonumber(redis.call('GET', KEYS[2]) or '') or 0
  if moment > now and moment <= now + AHEAD then
    wait = moment - now
  else
    local newest = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
    if not newest or tonumber(newest) < now - FRESH or tonumber(newest) > now + FRESH then
      wait = AHEAD
      redis.call('SET', KEYS[2], string.format('%.0f', now + wait), 'PX', 60000)
    end
  end
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1]) -- first: a server whose memory is full refuses it, but not behind what frees some
redis.call('ZADD', KEYS[3], 0, ARGV[1])
local function forget(from, to)
  local gone = redis.call('ZRANGEBYSCORE', KEYS[1], from, to, 'LIMIT', 0, MOST)
  if #gone == 0 then return end
  redis.call('ZREM', KEYS[1], unpack(gone))
  redis.call('ZREM', KEYS[3], unpack(gone))
end
forget('-inf', string.format('%.0f', now - kept))
forget(string.format('(%.0f', now + kept), '+inf') -- by another clock
local count, rank = redis.call('ZCARD', KEYS[1]), -1
if redis.call('ZCARD', KEYS[3]) == count then
  rank = redis.call('ZRANK', KEYS[3], ARGV[1])
else -- one of both was lost: all say hello again soon
  redis.call('DEL', KEYS[3])
  redis.call('ZADD', KEYS[3], 0, ARGV[1])
end
redis.call('PEXPIRE', KEYS[1], 60000)
redis.call('PEXPIRE', KEYS[3], 60000)
return { count, wait, rank, now }
