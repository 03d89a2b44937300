{{- /* 41: with "-sessionize" and the hash of a revision behind it, 63 at most, which is what a label may have. */ -}}
{{- define "crumbtrail.name" -}}
{{- printf "%s-crumbtrail" .Release.Name | trunc 41 | trimSuffix "-" -}}
{{- end -}}

{{- define "crumbtrail.labels" -}}
app.kubernetes.io/name: crumbtrail
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "crumbtrail.selector" -}}
app.kubernetes.io/name: crumbtrail
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}
