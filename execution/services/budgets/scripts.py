"""The Lua that Redis runs. Redis's own clock counts, so the clocks of the workers do not matter."""

RESERVE = """
-- ARGV[1]: JSON list of requests [bans, buckets, longest]; bans: keys, buckets: [key, cost, burst]; microseconds.
-- Answers per request: how long to wait; negative: refused (a ban, or too long), and for how long.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local empty_at, moved, banned, waits = {}, {}, {}, {}

local function ban_of(key)
    if banned[key] == nil then
        local left = redis.call('PTTL', key)
        banned[key] = left > 0 and left * 1000 or 0
    end
    return banned[key]
end

local function known(key)
    if empty_at[key] == nil then
        empty_at[key] = tonumber(redis.call('GET', key) or 0)
    end
    return empty_at[key]
end

for i, request in ipairs(cjson.decode(ARGV[1])) do
    local ban, wait, next_at = 0, 0, {}
    for _, key in ipairs(request[1]) do
        ban = math.max(ban, ban_of(key))
    end
    for _, bucket in ipairs(request[2]) do
        local at = math.max(known(bucket[1]), now) + bucket[2]
        next_at[bucket[1]] = at
        wait = math.max(wait, at - bucket[3] - now)
    end
    if ban > 0 then
        waits[i] = string.format('%.0f', -ban)
    elseif wait > request[3] then
        waits[i] = string.format('%.0f', -wait)
    else
        for key, at in pairs(next_at) do
            empty_at[key] = at
            moved[key] = true
        end
        waits[i] = string.format('%.0f', wait)
    end
end
for key in pairs(moved) do
    local left = math.ceil((empty_at[key] - now) / 1000) + 1000
    redis.call('SET', key, string.format('%.0f', empty_at[key]), 'PX', left)
end
return waits
"""

BAN = """
-- KEYS[1]: the ban; ARGV[1]: milliseconds. A longer ban that is there stays.
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
    redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
end
return 1
"""

NONCE = """
-- KEYS[1]: the last nonce; ARGV[1]: the asker's clock in microseconds. Grows also when clocks differ. A turn may be
-- several calls, so the next turn begins well above.
local nonce = math.max(tonumber(redis.call('GET', KEYS[1]) or 0) + 100, tonumber(ARGV[1]))
redis.call('SET', KEYS[1], string.format('%.0f', nonce))
return string.format('%.0f', nonce)
"""
