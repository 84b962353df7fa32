package main

// dashboard describes a Grafana dashboard.
type dashboard struct {
	name, title string // name is also the uid, which URLs contain
	variables   []variable
	rows        []row
}

// row is a group of panels below a title.
type row struct {
	title  string
	panels []panel
}

// panel describes a graph, a number or a table.
type panel struct {
	title   string
	unit    string // one of Grafana's units: percent, bytes, Bps, s, ops …
	queries []query
	kind    kind
	max     float64 // of the axis; 0: from the data
	stack   bool
}

// kind is the type of a panel.
type kind string

const (
	graph  kind = "" // timeseries
	number kind = "stat"
	table  kind = "table"
)

// query is a PromQL expression and the legend of its results.
type query struct{ expr, legend string }

// variable is a choice at the top of a dashboard.
type variable struct {
	name, label string
	query       string // such as label_values(system_uptime, host)
	multi       bool   // several values at once, and all
}

// object is a JSON object.
type object map[string]any

var datasource = object{"type": "prometheus", "uid": "rtcollector"}

// The grid of Grafana has 24 columns.
const (
	columns     = 24
	panelWidth  = 8
	panelHeight = 7
	numberSize  = 4 // width and height of a number
)

func (d *dashboard) encode() object {
	var variables []object
	for _, v := range d.variables {
		variables = append(variables, v.encode())
	}
	var panels []object
	y := 0
	add := func(p object, width, height, x int) {
		p["id"], p["gridPos"] = len(panels)+1, object{"x": x, "y": y, "w": width, "h": height}
		panels = append(panels, p)
	}
	for _, r := range d.rows {
		add(object{"type": "row", "title": r.title, "collapsed": false, "panels": []object{}}, columns, 1, 0)
		y++
		x, tallest := 0, 0
		for _, p := range r.panels {
			width, height := p.size()
			if x+width > columns {
				x, y, tallest = 0, y+tallest, 0
			}
			add(p.encode(), width, height, x)
			x, tallest = x+width, max(tallest, height)
		}
		y += tallest
	}
	return object{
		"uid": d.name, "title": d.title, "tags": []string{"rtcollector"}, "schemaVersion": 39, "version": 1, "editable": true,
		"graphTooltip": 1, "refresh": "30s", "time": object{"from": "now-1h", "to": "now"}, "timezone": "browser",
		"templating": object{"list": variables}, "panels": panels, "annotations": object{"list": []object{}},
		"links": []object{{"title": "rtcollector", "type": "dashboards", "tags": []string{"rtcollector"}, "asDropdown": true, "keepTime": true, "includeVars": true}},
	}
}

func (p *panel) size() (width, height int) {
	switch p.kind {
	case number:
		return numberSize, numberSize
	case table:
		return columns, panelHeight + 1
	}
	return panelWidth, panelHeight
}

func (p *panel) encode() object {
	var targets []object
	for i, q := range p.queries {
		target := object{"refId": string(rune('A' + i)), "datasource": datasource, "expr": q.expr, "legendFormat": q.legend, "range": true, "instant": false, "editorMode": "code"}
		if p.kind != graph {
			target["range"], target["instant"] = false, true
		}
		if p.kind == table {
			target["format"] = "table"
		}
		targets = append(targets, target)
	}
	defaults := object{"unit": p.unit, "min": 0, "color": object{"mode": "palette-classic"}, "noValue": "–"}
	if p.max > 0 {
		defaults["max"] = p.max
	}
	encoded := object{
		"type": string(p.kind), "title": p.title, "datasource": datasource, "targets": targets,
		"fieldConfig": object{"defaults": defaults, "overrides": []object{}}, "options": object{},
	}
	switch p.kind {
	case graph:
		encoded["type"] = "timeseries"
		custom := object{"lineWidth": 1, "fillOpacity": 10, "showPoints": "auto", "spanNulls": false}
		if p.stack {
			custom["stacking"], custom["fillOpacity"] = object{"mode": "normal", "group": "A"}, 30
		}
		defaults["custom"] = custom
		encoded["options"] = object{"legend": object{"displayMode": "list", "placement": "bottom"}, "tooltip": object{"mode": "multi", "sort": "desc"}}
	case number:
		encoded["options"] = object{"colorMode": "none", "graphMode": "none", "reduceOptions": object{"calcs": []string{"lastNotNull"}}}
	case table:
		encoded["transformations"] = []object{{"id": "merge", "options": object{}}}
	}
	return encoded
}

func (v *variable) encode() object {
	encoded := object{
		"type": "query", "name": v.name, "label": v.label, "datasource": datasource, "definition": v.query,
		"query": object{"query": v.query, "refId": "StandardVariableQuery", "qryType": 1}, "refresh": 2, "sort": 1, "multi": v.multi, "includeAll": v.multi,
	}
	if v.multi {
		encoded["allValue"], encoded["current"] = ".*", object{"text": "All", "value": "$__all"}
	}
	return encoded
}
