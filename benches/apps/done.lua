-- What wrk has counted, in lines `name<TAB>value`; latencies in microseconds.
done = function(summary, latency)
  local errors = summary.errors
  print("served\t" .. summary.requests)
  print("bytes\t" .. summary.bytes)
  print("seconds\t" .. summary.duration / 1e6)
  print("p50\t" .. latency:percentile(50))
  print("p99\t" .. latency:percentile(99))
  print("status\t" .. errors.status)
  print("errors\t" .. errors.connect + errors.read + errors.write + errors.timeout + errors.status)
end
