package promapi

import (
	"context"
	"errors"
	"runtime"
	"time"
)

// PrometheusVersion is the version of Prometheus whose engine and API this is. Grafana chooses features by it. It must belong to the
// version of the module in go.mod: v0.316.0 is 3.16.0.
const PrometheusVersion = "3.16.0"

func (a *API) buildInfo(context.Context, params) (answer, error) {
	return answer{data: textMap{
		{"version", PrometheusVersion}, {"revision", a.Revision}, {"branch", "rtcollector"}, {"buildUser", ""}, {"buildDate", ""},
		{"goVersion", runtime.Version()},
	}}, nil
}

func (a *API) rules(_ context.Context, p params) (answer, error) {
	switch p.text("type") {
	case "", "alert", "record":
		return answer{data: literal(`{"groups":[]}`)}, nil
	}
	return answer{}, badParam("type", errors.New("must be alert or record"))
}

func (a *API) alerts(context.Context, params) (answer, error) {
	return answer{data: literal(`{"alerts":[]}`)}, nil
}

// exemplars answers for a valid expression that there are none.
func (a *API) exemplars(ctx context.Context, p params) (answer, error) {
	for _, name := range []string{"start", "end"} {
		if _, err := p.time(name, time.Time{}); err != nil {
			return answer{}, err
		}
	}
	_, err := a.format(ctx, p)
	return answer{data: textList(nil)}, err
}

func (a *API) formatQuery(ctx context.Context, p params) (answer, error) {
	text, err := a.format(ctx, p)
	return answer{data: textValue(text)}, err
}

func (a *API) format(ctx context.Context, p params) (string, error) {
	if p.text("query") == "" {
		return "", errNoQuery
	}
	e, err := a.Engine(ctx)
	if err != nil {
		return "", err
	}
	return e.Format(p.text("query"))
}
