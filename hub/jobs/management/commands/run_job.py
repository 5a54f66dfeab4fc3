from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from hub.jobs.models import Job


class Command(BaseCommand):
    help = "Run one compose job in this process, as a worker would. Loads torch."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("job_id", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        from hub.jobs import runner  # loads torch

        job_id = options["job_id"]
        if not Job.objects.filter(pk=job_id).exists():
            raise CommandError(f"there is no job {job_id}")
        runner.run_job(job_id)
        job = Job.objects.get(pk=job_id)
        if not job.is_finished:
            raise CommandError(f"job {job_id} is {job.status}; another worker may have it")
        self.stdout.write(f"job {job_id}: {job.status}" + (f" ({job.error})" if job.error else ""))
