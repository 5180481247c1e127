-- Tells the version of what gateways share, and what it is unless the asker has it.
local version = redis.call('HGET', KEYS[1], 'v')
if not version then return false end
if version == ARGV[1] then return version end
return {version, redis.call('HGET', KEYS[1], 's')}
