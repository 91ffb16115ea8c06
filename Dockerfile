# Two images from one file:
#   docker build --target operator -t outlook-addin-operator:0.1.0 .
#   docker build --target web      -t outlook-addin-web:0.1.0 .
# They run as any user id, with a read-only root file system and /tmp as the only place to write.
ARG PYTHON_IMAGE=python:3.13-slim
ARG NODE_IMAGE=node:24-slim

FROM ${NODE_IMAGE} AS ui
WORKDIR /src/addin_web/ui
COPY addin_web/ui/package.json addin_web/ui/package-lock.json addin_web/ui/.npmrc ./
RUN npm ci
COPY addin_web/ui ./
RUN npm run build

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
RUN python3 -m venv /opt/build
ENV PATH=/opt/build/bin:$PATH
COPY requirements/build.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY core core
COPY operator operator
COPY addin_web/outlook_addin_web addin_web/outlook_addin_web
COPY kubectl kubectl
COPY sandbox/outlook_addin_sandbox sandbox/outlook_addin_sandbox
COPY --from=ui /src/addin_web/outlook_addin_web/static addin_web/outlook_addin_web/static
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /dist .

FROM build AS operator-venv
COPY requirements/operator.txt requirements/
RUN python3 -m venv /opt/operator \
 && /opt/operator/bin/pip install --no-cache-dir --require-hashes -r requirements/operator.txt \
 && /opt/operator/bin/pip install --no-cache-dir --no-deps /dist/*.whl

FROM build AS web-venv
COPY requirements/web.txt requirements/
RUN python3 -m venv /opt/web \
 && /opt/web/bin/pip install --no-cache-dir --require-hashes -r requirements/web.txt \
 && /opt/web/bin/pip install --no-cache-dir --no-deps /dist/*.whl

FROM ${PYTHON_IMAGE} AS base
ENV HOME=/tmp \
    USER=outlook-addin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1
USER 65532:0

FROM base AS operator
COPY --from=operator-venv /opt/operator /opt/operator
ENV PATH=/opt/operator/bin:$PATH
EXPOSE 8080 8081
CMD ["kopf", "run", "--module=outlook_addin_operator.main", "--standalone", "--all-namespaces", "--log-format=json", "--liveness=http://0.0.0.0:8080/healthz"]

FROM base AS web
COPY --from=web-venv /opt/web /opt/web
ENV PATH=/opt/web/bin:$PATH
EXPOSE 8080 8081
CMD ["outlook-addin-web"]
