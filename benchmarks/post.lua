-- Makes every request of wrk a POST; the size of the body is the argument after "--".
function init(args)
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/octet-stream"
    wrk.body = string.rep("b", tonumber(args[1]))
end
