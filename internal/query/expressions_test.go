package query_test

// referenceExpressions are evaluated by our engine and by Prometheus.
var referenceExpressions = []string{
	// Selectors.
	`mem_used`, `mem_used{host="a"}`, `mem_used{host!="a"}`, `mem_used{host=~"a|b"}`, `mem_used{host!~"a|b"}`, `mem_used{host=~"[ab]"}`,
	`mem_used{nosuch=""}`, `mem_used{nosuch!="",host="nosuch"}`, `mem_used{host=~".+",unit="bytes"}`, `mem_used{host=~"(?i)A"}`, `nosuch`, `{__name__="ramp"}`,
	`{host="a",unit="bytes"}`, `temperature`, `ended`, `late`, `sparse`, `once`, `extreme`, `up`, `node_info`, `cpu_seconds_total{cpu="0",mode=~"user|system"}`,
	// Offset, @.
	`mem_used offset 5m`, `mem_used offset -5m`, `mem_used offset 37s`, `mem_used @ 1750006800`, `mem_used @ start()`, `mem_used @ end()`, `mem_used @ end() offset 10m`,
	`rate(cpu_seconds_total[5m] offset 7m)`, `rate(cpu_seconds_total[5m] @ 1750006800)`, `rate(cpu_seconds_total[5m] @ start())`, `sum_over_time(ramp[10m] @ end() offset 1m)`,
	`ended offset 1h`, `temperature offset 10m - temperature`, `ramp @ 1750006800 - ramp`,
	// Counters.
	`rate(cpu_seconds_total[1m])`, `rate(cpu_seconds_total[5m])`, `rate(cpu_seconds_total[37s])`, `rate(cpu_seconds_total[1h])`, `irate(cpu_seconds_total[5m])`, `irate(cpu_seconds_total[30s])`,
	`increase(cpu_seconds_total[5m])`, `increase(cpu_seconds_total[1h])`, `resets(cpu_seconds_total[1h])`, `resets(cpu_seconds_total[10m])`, `changes(up[1h])`, `changes(temperature[10m])`,
	`rate(sparse[10m])`, `rate(sparse[4m])`, `rate(once[1h])`, `increase(ended[10m])`, `delta(mem_used[10m])`, `idelta(mem_used[5m])`, `delta(temperature[20m])`,
	`deriv(mem_used[10m])`, `predict_linear(mem_used[10m], 3600)`, `deriv(temperature[30m])`, `double_exponential_smoothing(mem_used[10m], 0.5, 0.5)`,
	// Over time.
	`avg_over_time(mem_used[5m])`, `min_over_time(mem_used[5m])`, `max_over_time(mem_used[5m])`, `sum_over_time(mem_used[5m])`, `count_over_time(mem_used[5m])`,
	`quantile_over_time(0.9, mem_used[5m])`, `stddev_over_time(mem_used[5m])`, `stdvar_over_time(mem_used[5m])`, `last_over_time(mem_used[5m])`, `present_over_time(mem_used[5m])`,
	`absent_over_time(mem_used{host="nosuch"}[5m])`, `absent_over_time(temperature{host="a"}[5m])`, `mad_over_time(mem_used[5m])`,
	`min_over_time(temperature[1m])`, `max_over_time(temperature[1m])`, `count_over_time(temperature[1m])`, `sum_over_time(temperature[1m])`, `avg_over_time(temperature[1m])`, `last_over_time(temperature[1m])`,
	`min_over_time(extreme[5m])`, `max_over_time(extreme[5m])`, `sum_over_time(extreme[5m])`, `avg_over_time(extreme[5m])`, `max_over_time(extreme[1m])`, `count_over_time(sparse[4m])`,
	`max_over_time(mem_used[10m])`, `min_over_time(mem_used[10m])`, `count_over_time(mem_used[10m])`, `max_over_time(mem_used[50s])`, `count_over_time(mem_used[37s] offset 13s)`,
	`max_over_time(mem_used[1m] offset 30s)`, `min_over_time(mem_used[1m] @ end())`, `count_over_time(ended[1h])`, `max_over_time(late[2h])`, `max_over_time(cpu_seconds_total[1m])`,
	`max(max_over_time(mem_used[1m]))`, `sum(count_over_time(mem_used[1m]))`, `timestamp(last_over_time(mem_used[1m]))`, `max_over_time(mem_used[1m]) - min_over_time(mem_used[1m])`,
	// Aggregations.
	`sum(mem_used)`, `sum by (host) (cpu_seconds_total)`, `sum without (cpu) (cpu_seconds_total)`, `sum by (host) (rate(cpu_seconds_total[5m]))`, `avg by (mode) (rate(cpu_seconds_total{mode!="idle"}[5m]))`,
	`count(mem_used)`, `count by (nosuch) (mem_used)`, `min(temperature)`, `max(temperature)`, `avg(temperature)`, `group(mem_used)`, `stddev(mem_used)`, `stdvar(mem_used)`,
	`topk(2, mem_used)`, `bottomk(2, mem_used)`, `topk by (mode) (1, rate(cpu_seconds_total[5m]))`, `quantile(0.5, mem_used)`, `quantile by (mode) (0.9, rate(cpu_seconds_total[5m]))`,
	`count_values("value", up)`, `count_values by (host) ("value", up)`, `sum(up) by (host) > 0`, `sum(mem_used) / count(mem_used)`, `count(ended)`, `sum(temperature)`,
	// Histograms.
	`histogram_quantile(0.9, rate(latency_bucket[5m]))`, `histogram_quantile(0.5, sum by (le) (rate(latency_bucket[5m])))`, `histogram_quantile(0.99, sum by (le, host) (increase(latency_bucket[10m])))`,
	`histogram_quantile(0.5, latency_bucket)`, `rate(latency_sum[5m]) / rate(latency_count[5m])`, `histogram_quantile(1.5, latency_bucket)`,
	// Binary operators and matching.
	`mem_used / 1024`, `1024 * mem_used`, `-mem_used`, `mem_used % 7`, `ramp ^ 2`, `ramp atan2 2`, `mem_used + on(host) temperature`, `mem_used * ignoring(unit, sensor) temperature`,
	`mem_used > 1e9`, `mem_used > bool 1e9`, `temperature < 40`, `mem_used == mem_used`, `mem_used != bool mem_used`, `ramp >= bool 3000`, `1 > bool 0`, `ramp <= 3000`,
	`mem_used * on(host) group_left(os, kernel) node_info`, `node_info * on(host) group_right(os) mem_used`, `sum by (os) (mem_used * on(host) group_left(os) node_info)`,
	`cpu_seconds_total * on(host) group_left(os) node_info`, `mem_used and on(host) up == 1`, `mem_used unless on(host) (up == 1)`, `ended or late`, `mem_used or temperature`, `mem_used and temperature`,
	`temperature and on(host) mem_used`, `up == 0 or up == 1`, `mem_used * on(host) node_info`, `cpu_seconds_total * on(host) mem_used`, `ramp + ramp`, `mem_used - mem_used offset 1m`,
	// Absent, labels, sorting, math, time.
	`absent(nosuch)`, `absent(mem_used{host="nosuch"})`, `absent(ended)`, `absent(temperature{host="a"})`, `absent(sum(nosuch))`,
	`label_replace(mem_used, "name", "$1-x", "host", "(.*)")`, `label_replace(mem_used, "host", "z", "host", "a")`, `label_join(cpu_seconds_total, "all", "-", "host", "cpu", "mode")`,
	`label_replace(mem_used, "host", "same", "host", ".*")`, `sort(mem_used)`, `sort_desc(mem_used)`, `scalar(ramp{host="a"})`, `scalar(mem_used)`, `vector(1)`, `vector(time())`, `time()`, `1 + 1`, `pi()`,
	`abs(ramp)`, `ceil(temperature)`, `floor(temperature)`, `round(temperature, 0.5)`, `exp(up)`, `ln(mem_used)`, `log2(mem_used)`, `log10(mem_used)`, `sqrt(mem_used)`, `sgn(ramp)`,
	`clamp(temperature, 38, 42)`, `clamp_min(temperature, 40)`, `clamp_max(temperature, 40)`, `clamp(temperature, 42, 38)`, `sin(ramp)`, `cos(ramp)`, `tan(ramp)`, `asin(up)`, `acosh(mem_used)`, `deg(up)`, `rad(up)`,
	`timestamp(mem_used)`, `timestamp(sparse)`, `timestamp(ramp offset 1m)`, `minute()`, `hour(vector(time()))`, `day_of_week()`, `day_of_month()`, `day_of_year()`, `days_in_month()`, `month()`, `year()`, `minute(ramp{host="a"})`,
	// Subqueries.
	`max_over_time(rate(cpu_seconds_total[5m])[30m:1m])`, `avg_over_time(mem_used[30m:5m])`, `sum_over_time(up[30m:])`, `max_over_time(sum(mem_used)[10m:30s])`, `rate(mem_used[10m:20s])`,
	`max_over_time(deriv(mem_used[5m])[20m:1m] offset 5m)`, `min_over_time(mem_used[30m:5m] @ 1750006800)`, `count_over_time(temperature[1h:1m])`, `quantile_over_time(0.5, rate(cpu_seconds_total{host="b"}[1m])[10m:37s])`,
	`avg_over_time(max_over_time(mem_used[1m])[10m:1m])`, `sum_over_time(max_over_time(mem_used[5m:1m])[10m:2m])`, `absent_over_time(ended[10m:1m])`, `timestamp(mem_used)[5m:1m]`,
	// Range vectors as results.
	`mem_used[1m]`, `temperature[20m]`, `mem_used[1m] offset 30s`, `ramp[5m] @ 1750006800`,
}
