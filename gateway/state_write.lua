-- Writes a version if the one before is still there. It never expires.
if (redis.call('HGET', KEYS[1], 'v') or '') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'v', ARGV[2], 's', ARGV[3])
redis.call('PERSIST', KEYS[1])
return 1
