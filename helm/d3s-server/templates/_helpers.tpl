{{/* What everything is called: at most 41 characters, since a StatefulSet, <name>-postgresql, has at most 52, and a server's name, <name>-<ordinal>, at most 50. */}}
{{- define "d3s.name" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains "d3s" .Release.Name -}}
{{- .Release.Name | trunc 41 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" (.Release.Name | trunc 30 | trimSuffix "-") .Chart.Name -}}
{{- end -}}
{{- end -}}

{{- define "d3s.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "d3s.labels" -}}
{{- $own := include "d3s.selector" . | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/version" .Chart.AppVersion -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .Release.Service -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_") -}}
{{- toYaml (merge $own .Values.commonLabels) -}}
{{- end -}}

{{/* Of pods: nothing that changes with the chart's version alone, which would restart them. Takes root, the component and more labels. */}}
{{- define "d3s.podLabels" -}}
{{- $own := merge (dict "app.kubernetes.io/component" .component) (include "d3s.selector" .root | fromYaml) -}}
{{- toYaml (merge $own .more .root.Values.commonLabels) -}}
{{- end -}}

{{/* Requests and limits of the presets, and their GPUs. */}}
{{- define "d3s.presets" -}}
cpu-small:
  gpus: 0
  resources:
    requests: {cpu: "2", memory: 8Gi}
    limits: {cpu: "2", memory: 8Gi}
gpu-1:
  gpus: 1
  resources:
    requests: {cpu: "8", memory: 48Gi}
    limits: {cpu: "8", memory: 48Gi}
{{- end -}}

{{- define "d3s.gpus" -}}
{{- $preset := index (include "d3s.presets" . | fromYaml) .Values.preset | default dict -}}
{{- max (int .Values.gpu.count) (int ($preset.gpus | default 0)) -}}
{{- end -}}

{{- define "d3s.resources" -}}
{{- $preset := index (include "d3s.presets" . | fromYaml) .Values.preset | default dict -}}
{{- $resources := mergeOverwrite (dict "requests" dict "limits" dict) ($preset.resources | default dict) (deepCopy .Values.resources) -}}
{{- $gpus := include "d3s.gpus" . | int -}}
{{- if gt $gpus 0 -}}
{{- $_ := set $resources.requests .Values.gpu.resource $gpus -}}
{{- $_ := set $resources.limits .Values.gpu.resource $gpus -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end -}}

{{/* What runs before the server has its share: as much as the server, so that it costs nothing and the pod's class of service is the server's. */}}
{{- define "d3s.initResources" -}}
{{- $gpu := .Values.gpu.resource -}}
{{- $resources := include "d3s.resources" . | fromYaml -}}
{{- dict "requests" (omit $resources.requests $gpu) "limits" (omit $resources.limits $gpu) | toYaml -}}
{{- end -}}

{{- define "d3s.flavor" -}}
{{- if .Values.image.flavor -}}
{{- .Values.image.flavor -}}
{{- else if gt (include "d3s.gpus" . | int) 0 -}}
cuda
{{- else -}}
jvm
{{- end -}}
{{- end -}}

{{/* An image by its digest, else by its tag. */}}
{{- define "d3s.reference" -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository .tag -}}
{{- end -}}
{{- end -}}

{{- define "d3s.image" -}}
{{- $flavor := include "d3s.flavor" . -}}
{{- $tag := .Values.image.tag | default (ternary .Chart.AppVersion (printf "%s-%s" .Chart.AppVersion $flavor) (eq $flavor "jvm")) -}}
{{- include "d3s.reference" (dict "repository" .Values.image.repository "tag" $tag "digest" .Values.image.digest) -}}
{{- end -}}

{{- define "d3s.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "d3s.name" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{/* The claim that all servers share; empty where each has one of its own. */}}
{{- define "d3s.sharedHome" -}}
{{- if .Values.home.existingClaim -}}
{{- .Values.home.existingClaim -}}
{{- else if eq .Values.home.accessMode "ReadWriteMany" -}}
{{- printf "%s-home" (include "d3s.name" .) -}}
{{- end -}}
{{- end -}}

{{- define "d3s.databaseUrl" -}}
{{- if .Values.postgresql.enabled -}}
{{- printf "jdbc:postgresql://%s-postgresql:5432/d3s" (include "d3s.name" .) -}}
{{- else -}}
{{- .Values.database.url -}}
{{- end -}}
{{- end -}}

{{- define "d3s.postgresqlSecret" -}}
{{- .Values.postgresql.existingSecret | default (printf "%s-postgresql" (include "d3s.name" .)) -}}
{{- end -}}

{{- define "d3s.databaseSecret" -}}
{{- if .Values.postgresql.enabled -}}
{{- dict "name" (include "d3s.postgresqlSecret" .) "usernameKey" "username" "passwordKey" "password" | toYaml -}}
{{- else -}}
{{- .Values.database.secret | toYaml -}}
{{- end -}}
{{- end -}}

{{/* The keys that the server is given before it starts, as a list under "keys". */}}
{{- define "d3s.keys" -}}
{{- $name := include "d3s.name" . -}}
{{- $organization := index .Values.settings "d3s.organization" | default "d3s" -}}
{{- $keys := list -}}
{{- if or .Values.keys.admin.create .Values.keys.admin.existingSecret -}}
{{- $secret := .Values.keys.admin.existingSecret | default (printf "%s-admin-key" $name) -}}
{{- $keys = append $keys (dict "id" "admin" "name" "admin" "organization" $organization "role" "admin" "scope" "all" "secret" $secret "secretKey" .Values.keys.admin.secretKey) -}}
{{- end -}}
{{- if .Values.metrics.serviceMonitor.enabled -}}
{{- $secret := .Values.keys.metrics.existingSecret | default (printf "%s-metrics-key" $name) -}}
{{- $keys = append $keys (dict "id" "metrics" "name" "prometheus" "organization" $organization "role" "admin" "scope" "models:read" "secret" $secret "secretKey" .Values.keys.metrics.secretKey) -}}
{{- end -}}
{{- range $index, $key := .Values.keys.provided -}}
{{- $keys = append $keys (merge (dict "id" (printf "provided-%d" $index)) $key (dict "role" "user" "scope" "all" "secretKey" "api-key")) -}}
{{- end -}}
{{- dict "keys" $keys | toYaml -}}
{{- end -}}

{{/* The secret of a name as the cluster has it; nothing where there is none, or no cluster is asked. */}}
{{- define "d3s.present" -}}
{{- lookup "v1" "Secret" .root.Release.Namespace .name | toYaml -}}
{{- end -}}

{{/* An entry that was made once and is kept, in base64; another one where there is none yet. Takes root, the names of secret and entry, and the other one. */}}
{{- define "d3s.kept" -}}
{{- $present := include "d3s.present" . | fromYaml -}}
{{- index ($present.data | default dict) .entry | default (b64enc .otherwise) -}}
{{- end -}}

{{- define "d3s.randomKey" -}}
{{- printf "d3s-%s-%s" (randAlphaNum 32 | sha256sum | trunc 10) (randAlphaNum 64 | sha256sum) -}}
{{- end -}}

{{- define "d3s.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Takes the user's id. */}}
{{- define "d3s.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "d3s.pluginsDirectory" -}}
{{- if or .Values.plugins.image .Values.plugins.downloads .Values.plugins.existingClaim -}}
/srv/plugins{{ with .Values.plugins.imagePath }}/{{ . }}{{ end }}
{{- end -}}
{{- end -}}

{{/* The last part of an address. */}}
{{- define "d3s.file" -}}
{{- base (regexReplaceAll "[?#].*$" . "") -}}
{{- end -}}

{{/* host:port,... */}}
{{- define "d3s.allowed" -}}
{{- $allowed := list -}}
{{- range .Values.network.allow -}}
{{- $allowed = append $allowed (printf "%s:%d" .host (int .port)) -}}
{{- end -}}
{{- join "," $allowed -}}
{{- end -}}

{{/* A value as text: whole numbers are not written as 1e+06. */}}
{{- define "d3s.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}
{{- printf "%d" (int64 .) -}}
{{- else -}}
{{- toString . -}}
{{- end -}}
{{- end -}}

{{/* What the server and the commands on its database see, as environment variables. */}}
{{- define "d3s.environment" -}}
- name: D3S_HOME
  value: /var/lib/d3s
- name: XDG_CACHE_HOME
  value: /var/cache/d3s
{{- with include "d3s.databaseUrl" . }}
{{- $secret := include "d3s.databaseSecret" $ | fromYaml }}
- name: D3S_DATASOURCE_URL
  value: {{ . | quote }}
- name: D3S_DATASOURCE_USERNAME
  valueFrom:
    secretKeyRef:
      name: {{ $secret.name }}
      key: {{ $secret.usernameKey }}
- name: D3S_DATASOURCE_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ $secret.name }}
      key: {{ $secret.passwordKey }}
- name: D3S_DATASOURCE_CONNECTIONS
  value: {{ $.Values.database.connections | quote }}
{{- end }}
{{- with .Values.javaOptions }}
- name: D3S_JAVA_OPTIONS
  value: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "d3s.serverEnvironment" -}}
{{ include "d3s.environment" . }}
- name: D3S_CLUSTER_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: QUARKUS_HTTP_HOST
  value: 0.0.0.0
- name: QUARKUS_HTTP_PORT
  value: "8080"
{{- with include "d3s.pluginsDirectory" . }}
- name: D3S_PLUGINS_DIRECTORY
  value: {{ . }}
{{- end }}
{{- if .Values.data.existingClaim }}
- name: D3S_DATA_DIRECTORY
  value: /srv/data
{{- end }}
{{- if .Values.models.existingClaim }}
- name: D3S_MODELS_ALLOWED
  value: /srv/models
{{- end }}
{{- with include "d3s.allowed" . }}
- name: D3S_NETWORK_ALLOW
  value: {{ . | quote }}
{{- end }}
{{- with .Values.oidc }}
{{- if .authServerUrl }}
- name: QUARKUS_OIDC_AUTH_SERVER_URL
  value: {{ .authServerUrl | quote }}
- name: QUARKUS_OIDC_TOKEN_AUDIENCE
  value: {{ .audience | quote }}
{{- with .roleClaimPath }}
- name: QUARKUS_OIDC_ROLES_ROLE_CLAIM_PATH
  value: {{ . | quote }}
{{- end }}
{{- with .organizationClaim }}
- name: D3S_OIDC_ORGANIZATION_CLAIM
  value: {{ . | quote }}
{{- end }}
{{- with .adminRole }}
- name: D3S_OIDC_ADMIN_ROLE
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.tracing.endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
- name: OTEL_EXPORTER_OTLP_PROTOCOL
  value: {{ $.Values.tracing.protocol }}
{{- end }}
{{- range $key, $value := .Values.settings }}
- name: {{ $key | upper | replace "." "_" | replace "-" "_" }}
  value: {{ include "d3s.text" $value | quote }}
{{- end }}
{{- range $name, $value := .Values.env }}
- name: {{ $name }}
  value: {{ include "d3s.text" $value | quote }}
{{- end }}
{{- range .Values.secretEnv }}
- name: {{ .variable }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .key }}
{{- end }}
{{- end -}}

{{/* The port in an address, with its scheme's where it has none. */}}
{{- define "d3s.port" -}}
{{- $port := regexFind ":[0-9]+(/|$)" (regexReplaceAll "^[a-z]+://" . "") | trimPrefix ":" | trimSuffix "/" -}}
{{- $port | default (ternary "443" "80" (hasPrefix "https:" .)) -}}
{{- end -}}
